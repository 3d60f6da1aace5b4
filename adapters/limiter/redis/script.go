package redis

import (
	"context"
	_ "embed" // the scripts
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

// The scripts, of which the first ends with its short way where it can. They are asked for by digest, and sent whole where the server does not know them: after a restart or SCRIPT FLUSH.
var (
	decideScript   = rueidis.NewLuaScript(shortText + ringText + decideText)
	takebackScript = rueidis.NewLuaScript(ringText + takebackText)
)

// verb is what the script is to do.
type verb string

const (
	// look tells how the asks stand, and takes nothing.
	look verb = "look"
	// take takes a grant of each, or of none.
	take verb = "take"
)

// clock is whose instants the script goes by.
type clock struct {
	// name is the clock's, as decide.lua knows it; empty for the server's own.
	name string
	// unit is the unit of its instants, windows and waits. Numbers in it stay below 2^53, which is as far as a script reckons exactly.
	unit time.Duration
	// life is how much longer than a window a key lives.
	life time.Duration
}

// serverClock is the server's own, in microseconds since 1970: below 2^53 until the year 2255. A key lives somewhat longer than its
// window, so that no rounding of its end to milliseconds can cut the window short.
var serverClock = clock{unit: time.Microsecond, life: time.Second}

// in is d in the clock's unit, rounded up: a wait that is told is never too short.
func (c clock) in(d time.Duration) int64 { return ceil(d, c.unit) }

func ceil(d, unit time.Duration) int64 { return int64((d + unit - 1) / unit) }

// key is where the ask's grants lie: by subject and window. Replicas that share a server must agree on it.
func (s *Storage) key(ask throttle.Check) string {
	text := make([]byte, 0, 64) // on the stack
	text = append(text, s.prefix...)
	text = base64.RawURLEncoding.AppendEncode(text, ask.Subject[:])
	text = append(text, ':')
	return string(strconv.AppendInt(text, ceil(ask.Window, time.Microsecond), 36))
}

// judged is how one ask stands before anything is taken, and the server's instant for it, which is a grant's mark.
type judged struct {
	standing throttle.State
	mark     int64
}

// judgedAsks are asks as they were judged, in their order.
type judgedAsks struct {
	n  int
	of [throttle.MaxChecks]judged
}

// decision is what comes of them.
func (j *judgedAsks) decision() throttle.Decision {
	var standings [throttle.MaxChecks]throttle.State
	for i := range j.n {
		standings[i] = j.of[i].standing
	}
	return throttle.Decide(standings[:j.n]...)
}

// errAnswer is an answer that the script does not give: something else answers there.
var errAnswer = errors.New("redis: not an answer of the script")

// judge has the script judge asks whose keys lie on one server, and do what verb says.
func (s *Storage) judge(ctx context.Context, client rueidis.Client, do verb, now throttle.Instant,
	asks ...throttle.Check) (judgedAsks, error) {
	var keys [throttle.MaxChecks]string
	args := make([]string, 0, 1+3*throttle.MaxChecks+2)
	args = append(args, string(do))
	for i, ask := range asks {
		keys[i] = s.key(ask)
		args = append(args, strconv.Itoa(ask.Limit), strconv.FormatInt(s.clock.in(ask.Window), 10),
			strconv.FormatInt(ceil(ask.Window+s.clock.life, time.Millisecond), 10))
	}
	if s.clock.name != "" {
		args = append(args, s.clock.name, strconv.FormatInt(int64(now), 10))
	}
	answer, err := decideScript.Exec(ctx, client, keys[:len(asks)], args).ToString()
	if err != nil {
		return judgedAsks{}, err
	}
	return s.read(asks, answer)
}

// read reads the script's answer.
func (s *Storage) read(asks []throttle.Check, answer string) (judgedAsks, error) {
	const each = 4 + 8 + 8
	all := judgedAsks{n: len(asks)}
	if len(answer) != each*len(asks) {
		return judgedAsks{}, errAnswer
	}
	for i, ask := range asks {
		of := []byte(answer[each*i : each*(i+1)])
		counted, grows := binary.BigEndian.Uint32(of), binary.BigEndian.Uint64(of[4:])
		if uint64(counted) > uint64(ask.Limit) || grows > uint64(s.clock.in(ask.Window)) {
			return judgedAsks{}, errAnswer
		}
		standing := throttle.State{Check: ask, Remaining: ask.Limit - int(counted),
			ResetAfter: time.Duration(grows) * s.clock.unit}
		if standing.Remaining == 0 {
			standing.RetryAfter = standing.ResetAfter
		}
		all.of[i] = judged{standing: standing, mark: int64(binary.BigEndian.Uint64(of[12:]))}
	}
	return all, nil
}

// takeBack takes back the grant of an ask by its mark.
func (s *Storage) takeBack(ctx context.Context, client rueidis.Client, ask throttle.Check,
	mark int64) error {
	return takebackScript.Exec(ctx, client, []string{s.key(ask)},
		[]string{strconv.FormatInt(mark, 10)}).Error()
}
