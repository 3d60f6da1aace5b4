package redis_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/domain/throttle"
)

// sent is a connection on which the server sends what the reader returns, in the same pieces.
type sent struct {
	net.Conn
	io.Reader
}

func (s sent) Read(into []byte) (int, error)  { return s.Reader.Read(into) }
func (s sent) Write(text []byte) (int, error) { return len(text), nil }
func (s sent) Close() error                   { return nil }

// listen returns a guarded connection on which a server sends text, as a whole or byte by byte.
func listen(text string, byteByByte bool) io.ReadWriter {
	return redis.Guarded(sent{Reader: cut(text, byteByByte)})
}

// cut returns a reader of text, as a whole or byte by byte.
func cut(text string, byteByByte bool) io.Reader {
	if byteByByte {
		return iotest.OneByteReader(strings.NewReader(text))
	}
	return strings.NewReader(text)
}

// written returns a command as rueidis writes it.
func written(words ...string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&text, "$%d\r\n%s\r\n", len(word), word)
	}
	return text.String()
}

// subscribed is the reply of Redis to a subscription to two channels.
const subscribed = ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n>3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n"

// message returns a message of a channel.
func message(channel, text string) string {
	return fmt.Sprintf(">3\r\n$7\r\nmessage\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(channel), channel,
		len(text), text)
}

// TestAcceptsOnlyValidReplies sends valid and invalid replies to commands. The result does not
// depend on how they are split.
func TestAcceptsOnlyValidReplies(t *testing.T) {
	one := written("EVALSHA", "0")
	subscription := written("SUBSCRIBE", "a", "b")
	leaving := written("UNSUBSCRIBE", "a", "b") + written("PING")
	role, master := written("ROLE"), written("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "m")
	for name, c := range map[string]struct {
		asked, text string
		right       bool
	}{
		"each type": {strings.Repeat(one, 16),
			"+OK\r\n-ERR no\r\n:-12\r\n$3\r\nabc\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n_\r\n,1.5\r\n#t\r\n!3\r\nERR\r\n=7\r\ntxt:abc\r\n(123\r\n%1\r\n+a\r\n:1\r\n~1\r\n:1\r\n", true},
		"the reply of the script": {one,
			"*8\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n:7\r\n:9223372036854775807\r\n", true},
		"nested arrays": {one, "*2\r\n*2\r\n:1\r\n*0\r\n*1\r\n$-1\r\n", true},
		"maximum depth": {one, strings.Repeat("*1\r\n", redis.MaxDepth) + ":1\r\n", true},
		"a large string": {one, fmt.Sprintf("$%d\r\n%s\r\n", redis.MaxBulk,
			strings.Repeat("a", redis.MaxBulk)), true},
		"two replies to two commands": {one + one, ":1\r\n:2\r\n", true},
		"a push message between two replies": {one + one,
			":1\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n:2\r\n", true},
		"a redirect": {one, "-MOVED 1 127.0.0.1:1\r\n", true},
		"a confirmed subscription": {subscription + one,
			subscribed + ":1\r\n" + message("a", "master m h 1"), true},
		"a denied subscription": {subscription + one, "-NOPERM\r\n:1\r\n", true},
		"the end of a subscription that did not exist": {leaving,
			">3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n+PONG\r\n", true},
		"replies to ROLE": {role + role, "*1\r\n$6\r\nmaster\r\n-LOADING\r\n", true},
		"replies to SENTINEL GET-MASTER-ADDR-BY-NAME": {master + master + one,
			"_\r\n*2\r\n$1\r\nh\r\n$1\r\n1\r\n*0\r\n", true},
		"a message +switch-master":   {one, message("+switch-master", "m h 1 h 2"), true},
		"more replies than commands": {one, ":1\r\n:2\r\n", false},
		"HTTP instead of RESP":       {one, "HTTP/1.1 400 Bad Request\r\n", false},
		"TLS instead of RESP":        {one, "\x16\x03\x01\x00\x02\x02\x46", false},
		"a string too large":         {one, fmt.Sprintf("$%d\r\n", redis.MaxBulk+1), false},
		"a string far too large":     {one, "$9000000000000\r\n", false},
		"a length that overflows":    {one, "$18446744073709551617\r\n", false},
		"a negative length":          {one, "$-2\r\n", false},
		"an array too long":          {one, fmt.Sprintf("*%d\r\n", redis.MaxLength+1), false},
		"an array far too long":      {one, "*2000000000\r\n", false},
		"a negative array":           {one, "*-2\r\n", false},
		"a negative map":             {one, "%-1\r\n", false},
		"a negative set":             {one, "~-1\r\n", false},
		"too deep":                   {one, strings.Repeat("*1\r\n", redis.MaxDepth+1), false},
		"too many values": {one, fmt.Sprintf("*%d\r\n", redis.MaxLength) +
			strings.Repeat("*16\r\n"+strings.Repeat("_\r\n", 16), redis.MaxLength), false},
		"too many bytes": {one, "*16384\r\n" +
			strings.Repeat(fmt.Sprintf("$%d\r\n%s\r\n", redis.MaxBulk,
				strings.Repeat("a", redis.MaxBulk)), 9), false},
		"a line too long":                               {one, "+" + strings.Repeat("a", redis.MaxLine+1), false},
		"a number too long":                             {one, ":" + strings.Repeat("1", 20) + "\r\n", false},
		"an empty number":                               {one, ":\r\n", false},
		"a number with only a sign":                     {one, ":-\r\n", false},
		"a number with a letter":                        {one, ":a\r\n", false},
		"an unknown type":                               {one, "\n", false},
		"a bare line feed":                              {one, "+a\n", false},
		"a bare carriage return":                        {one, "+a\rb\r\n", false},
		"a string longer than its length":               {one, "$1\r\nabc\r\n", false},
		"an invalid boolean":                            {one, "#x\r\n", false},
		"a null with text":                              {one, "_a\r\n", false},
		"a streamed string":                             {one, "$?\r\n;1\r\na\r\n;0\r\n", false},
		"attributes":                                    {one, "|1\r\n+a\r\n+b\r\n:1\r\n", false},
		"a push message inside an array":                {one, "*1\r\n>2\r\n$1\r\na\r\n:1\r\n", false},
		"an empty push message":                         {one, ">0\r\n", false},
		"a long push message":                           {one, message("a", strings.Repeat("a ", 600)), false},
		"a redirect without an address":                 {one, "-MOVED 1\r\n", false},
		"a redirect inside an error text":               {one, "-ERR ASK\r\n", false},
		"a redirect in a string":                        {one, "!5\r\nASKED\r\n", false},
		"a confirmation without a subscription":         {one, subscribed, false},
		"more confirmations than subscriptions":         {subscription + one, subscribed + subscribed, false},
		"a status in place of a confirmation":           {subscription, "+QUEUED\r\n", false},
		"an error in place of PONG":                     {leaving + one, "-ERR\r\n", false},
		"an empty ROLE reply":                           {role, "*0\r\n", false},
		"a master without a port":                       {one + master, ":1\r\n*1\r\n$1\r\nh\r\n", false},
		"a message +sentinel without an address":        {one, message("+sentinel", "sentinel a"), false},
		"a message +switch-master without the new port": {one, message("+switch-master", "m h 1 h"), false},
	} {
		for _, by := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, byte by byte %v", name, by), func(t *testing.T) {
				if by && len(c.text) > 2*redis.MaxBulk {
					by = false
				}
				conn := listen(c.text, by)
				_, err := io.Copy(conn, cut(c.asked, by))
				require.NoError(t, err)
				got, err := io.ReadAll(conn)
				if c.right {
					require.NoError(t, err)
					assert.Equal(t, c.text, string(got))
					return
				}
				require.Error(t, err)
				assert.Equal(t, redis.Unintelligible, redis.Classify(err).Reason)
				_, again := conn.Read(make([]byte, 1))
				assert.Equal(t, err, again, "later reads fail in the same way")
			})
		}
	}
}

// TestSurvivesHostileServers uses servers whose replies would make rueidis end the process.
// Decisions fail, and so do later ones.
func TestSurvivesHostileServers(t *testing.T) {
	for name, answer := range map[string]string{
		"more replies than commands": granted + granted, "a huge string": "$9000000000000\r\nabc",
		"a huge array":         "*2000000000\r\n:1\r\n",
		"deeply nested arrays": strings.Repeat("*1\r\n", 200_000), "a negative length": "%-1\r\n",
		"a confirmation without a subscription": subscribed + granted,
		"a server that is not Redis":            "HTTP/1.1 400 Bad Request\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			storage := open(t, startFake(t, but(map[string]string{"EVALSHA": answer})).url(),
				patient)
			for range 8 {
				decision, err := storage.Decide(t.Context(), 0, checks(hour(1, 4)))
				if err != nil {
					assert.Equal(t, redis.Unintelligible, redis.Classify(err).Reason)
					assert.False(t, decision.Decided())
				}
			}
		})
	}
	t.Run("a Cluster that redirects without an address", func(t *testing.T) {
		var f *fake
		f = startFake(t, func(command []string) string {
			switch command[0] {
			case "CLUSTER":
				return "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:" + f.port() + "\r\n"
			case "EVALSHA":
				return "-MOVED\r\n"
			}
			return usual(command)
		})
		storage := open(t, f.url(), patient)
		assert.Equal(t, redis.Unintelligible, fails(t, storage, hour(1, 4)).Reason)
	})
	t.Run("a Sentinel that names a master without a port", func(t *testing.T) {
		f := startFake(t, but(map[string]string{"SENTINEL": "*1\r\n$1\r\nh\r\n", "UNSUBSCRIBE": "",
			"SUBSCRIBE": ""}))
		storage := open(t, f.url()+"?master_set=m", patient)
		assert.Equal(t, redis.Unintelligible, fails(t, storage, hour(1, 4)).Reason)
	})
}

// TestSpeaksRESP2 uses a server that does not know HELLO.
func TestSpeaksRESP2(t *testing.T) {
	storage := open(t,
		startFake(t, but(map[string]string{"HELLO": "-ERR unknown command 'HELLO'\r\n"})).url(),
		patient)
	assert.Equal(t, 2, remaining(t, storage, hour(1, 4)), "of the three that the server reports")
}

// FuzzReplies splits the same text in two ways, with the same result. Accepted text passes
// unchanged and has at most as many replies as there are commands.
func FuzzReplies(f *testing.F) {
	for _, seed := range []string{granted, hello, subscribed, "*-1\r\n", "$0\r\n\r\n",
		"$3\r\nabc\r\n:1\r\n", "-MOVED 1 a:1\r\n", "%1\r\n+a\r\n*2\r\n#t\r\n_\r\n"} {
		f.Add(seed, uint8(1))
	}
	f.Fuzz(func(t *testing.T, text string, questions uint8) {
		var errs [2]error
		for i, by := range []bool{false, true} {
			conn := listen(text, by)
			_, err := io.WriteString(conn, strings.Repeat(written("PING"), int(questions))+"*")
			require.NoError(t, err)
			got, err := io.ReadAll(conn)
			errs[i] = err
			if err == nil {
				require.Equal(t, text, string(got))
			}
		}
		require.Equal(t, errs[0], errs[1])
		// Lines only, of which all but the last are complete.
		if errs[0] == nil && strings.Trim(text, "+:_\r\n1234567890") == "" {
			require.LessOrEqual(t, strings.Count(text, "\n"), int(questions))
		}
	})
}

// FuzzHostileServer sends any text in reply to any command of rueidis. Decisions may fail, but the
// process must survive and allocate a bounded amount of memory.
func FuzzHostileServer(f *testing.F) {
	for _, seed := range []string{
		granted + granted, "$9000000000000\r\n", "*2000000000\r\n", "%-1\r\n", subscribed,
		"-MOVED\r\n", "*0\r\n", "*1\r\n", "+PONG\r\n", "+QUEUED\r\n",
		message("+switch-master", "m h 1 h 2"), "|1\r\n+a\r\n+b\r\n:1\r\n",
		"*1\r\n>2\r\n$9\r\nsubscribe\r\n$1\r\na\r\n", hello, noCluster, "$?\r\n;0\r\n",
	} {
		for _, at := range []string{"HELLO", "CLUSTER", "EVALSHA", "SENTINEL", "ROLE",
			"UNSUBSCRIBE", "SUBSCRIBE", "PING"} {
			f.Add(at, seed, uint64(1), at == "SENTINEL" || at == "ROLE" || at == "SUBSCRIBE")
		}
	}
	f.Fuzz(func(t *testing.T, at, text string, seed uint64, sentinels bool) {
		const most = 1 << 16
		if len(text) > most {
			return
		}
		var count atomic.Uint64
		var server *fake
		server = startFake(t, func(command []string) string {
			count := count.Add(1)
			if command[0] == at || at == "" && rand.New(rand.NewPCG(seed, count)).IntN(4) == 0 {
				return text
			}
			return sentinelOf(server)(command)
		})
		url := server.url()
		if sentinels {
			url += "?master_set=m"
		}
		storage := open(t, url, brief)
		before := allocated()
		for range 3 {
			_, _ = storage.Decide(t.Context(), 0, checks(hour(1, 4)))
		}
		assert.Less(t, allocated()-before, uint64(256<<20))
	})
}

// brief is the timeout of a decision on a fuzzed server.
const brief = 20 * time.Millisecond

func checks(all ...throttle.Check) throttle.Checks { return throttle.NewChecks(all...) }

// allocated returns how many bytes have been allocated so far.
func allocated() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}
