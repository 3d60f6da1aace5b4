package sessionauth

import (
	"time"

	"github.com/offload/sessiond/domain/keys"
)

// moment is an instant on two clocks. Neither alone measures an age: the monotonic clock may stand
// still while the machine is suspended, and the wall clock may be set back.
type moment struct {
	wall   time.Time // without a monotonic reading
	steady time.Time // with one
}

func now() moment {
	steady := time.Now()
	return moment{wall: steady.Round(0), steady: steady}
}

// since returns the time from earlier to m on the clock that shows more.
func (m moment) since(earlier moment) time.Duration {
	return max(m.wall.Sub(earlier.wall), m.steady.Sub(earlier.steady))
}

// snapshot is a keyring, and whether it has the issuer's keys: those of the moment began, when the
// read of them began. The issuer promised that they are fresh for that long.
type snapshot struct {
	keyring  *keys.Keyring
	complete bool
	began    moment
	fresh    time.Duration
}

// staleAt reports whether the issuer's keys are older at m than the issuer promised.
func (s *snapshot) staleAt(m moment) bool { return s.complete && m.since(s.began) >= s.fresh }

func (j *JWKS) keyring() *keys.Keyring { return j.current.Load().keyring }

func (j *JWKS) stale(current *keys.Keyring) bool {
	held := j.current.Load()
	return held.keyring != current || held.staleAt(j.now())
}
