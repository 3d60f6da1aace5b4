package redis

import (
	"context"
	_ "embed" // for the scripts
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/offload/sessiond/domain/throttle"
)

var (
	//go:embed short.lua
	shortText string
	//go:embed ring.lua
	ringText string
	//go:embed decide.lua
	decideText string
	//go:embed takeback.lua
	takebackText string
)

// The scripts. The first one returns in short.lua where it can. They are called by digest, and sent
// in full where the server does not know them: after a restart or SCRIPT FLUSH.
var (
	decideScript   = rueidis.NewLuaScript(shortText + ringText + decideText)
	takebackScript = rueidis.NewLuaScript(ringText + takebackText)
)

// verb is what the script has to do.
type verb string

const (
	// inspect reads the state of the checks, and takes nothing.
	inspect verb = "inspect"
	// take takes a grant for each check, or for none.
	take verb = "take"
)

// clock is the clock that the script goes by.
type clock struct {
	// name is the name that decide.lua knows the clock by; empty for the server's.
	name string
	// unit is the unit of instants, windows and waits. Numbers in it stay below 2^53, up to which
	// the script calculates exactly.
	unit time.Duration
	// life is how much longer than its window a key lives.
	life time.Duration
}

// serverClock is the server's clock, in microseconds since 1970, which is below 2^53 until the year
// 2255. A key lives somewhat longer than its window, so that rounding its end to milliseconds
// cannot shorten the window.
var serverClock = clock{unit: time.Microsecond, life: time.Second}

// in converts d into the clock's unit, rounded up: a wait that is reported is never too short.
func (c clock) in(d time.Duration) int64 { return ceil(d, c.unit) }

func ceil(d, unit time.Duration) int64 { return int64((d + unit - 1) / unit) }

// key returns the key of a check's grants: by subject and window. Replicas that share a server must
// agree on it.
func (s *Storage) key(check throttle.Check) string {
	text := make([]byte, 0, 64) // stays on the stack
	text = append(text, s.prefix...)
	text = base64.RawURLEncoding.AppendEncode(text, check.Subject[:])
	text = append(text, ':')
	return string(strconv.AppendInt(text, ceil(check.Window, time.Microsecond), 36))
}

// finding is the state of one check before anything is taken, and the server's instant for it,
// which marks the grant.
type finding struct {
	state throttle.State
	mark  int64
}

// findings are the findings for several checks, in their order.
type findings struct {
	n  int
	of [throttle.MaxChecks]finding
}

// decision returns the decision that follows from them.
func (j *findings) decision() throttle.Decision {
	var states [throttle.MaxChecks]throttle.State
	for i := range j.n {
		states[i] = j.of[i].state
	}
	return throttle.Decide(states[:j.n]...)
}

// errAnswer means that the reply cannot be one of the script.
var errAnswer = errors.New("redis: not a reply of the script")

// judge runs the script for checks whose keys lie on one server, and does what verb says.
func (s *Storage) judge(ctx context.Context, client rueidis.Client, do verb, now throttle.Instant,
	checks ...throttle.Check) (findings, error) {
	var keys [throttle.MaxChecks]string
	args := make([]string, 0, 1+3*throttle.MaxChecks+2)
	args = append(args, string(do))
	for i, check := range checks {
		keys[i] = s.key(check)
		args = append(args, strconv.Itoa(check.Limit),
			strconv.FormatInt(s.clock.in(check.Window), 10),
			strconv.FormatInt(ceil(check.Window+s.clock.life, time.Millisecond), 10))
	}
	if s.clock.name != "" {
		args = append(args, s.clock.name, strconv.FormatInt(int64(now), 10))
	}
	answer, err := decideScript.Exec(ctx, client, keys[:len(checks)], args).ToString()
	if err != nil {
		return findings{}, err
	}
	return s.read(checks, answer)
}

// read parses the reply of the script.
func (s *Storage) read(checks []throttle.Check, answer string) (findings, error) {
	const each = 4 + 8 + 8
	all := findings{n: len(checks)}
	if len(answer) != each*len(checks) {
		return findings{}, errAnswer
	}
	for i, check := range checks {
		of := []byte(answer[each*i : each*(i+1)])
		counted, resetAfter := binary.BigEndian.Uint32(of), binary.BigEndian.Uint64(of[4:])
		if uint64(counted) > uint64(check.Limit) || resetAfter > uint64(s.clock.in(check.Window)) {
			return findings{}, errAnswer
		}
		state := throttle.State{Check: check, Remaining: check.Limit - int(counted),
			ResetAfter: time.Duration(resetAfter) * s.clock.unit}
		if state.Remaining == 0 {
			state.RetryAfter = state.ResetAfter
		}
		all.of[i] = finding{state: state, mark: int64(binary.BigEndian.Uint64(of[12:]))}
	}
	return all, nil
}

// takeBack takes back the grant of a check by its mark.
func (s *Storage) takeBack(ctx context.Context, client rueidis.Client, check throttle.Check,
	mark int64) error {
	return takebackScript.Exec(ctx, client, []string{s.key(check)},
		[]string{strconv.FormatInt(mark, 10)}).Error()
}
