package redis_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// TestKeysExpireAfterWindow shows that a key expires no earlier than its window, and at most a
// second later.
func TestKeysExpireAfterWindow(t *testing.T) {
	server := redisserver.Start(t)
	storage := open(t, server.URL(), patient)
	client := server.Client(t)
	now := func() int64 { // the server's clock, in microseconds
		parts, err := client.Do(context.Background(), client.B().Time().Build()).AsIntSlice()
		require.NoError(t, err)
		return parts[0]*1_000_000 + parts[1]
	}
	for _, limit := range []int{1, 4, 40} { // a ring buffer of 40 grants is written in place
		for _, length := range []time.Duration{10 * time.Minute, time.Hour, 24 * time.Hour} {
			of := check(byte(limit), limit)
			of.Window = length
			for range limit {
				before := now()
				granted := decide(t, storage, 0, of)
				require.False(t, granted.Refused())
				after := now()
				expires, err := client.Do(context.Background(),
					client.B().Pexpiretime().Key(storage.Key(of)).Build()).AsInt64()
				require.NoError(t, err)
				assert.Greater(t, expires*1000, before+length.Microseconds())
				assert.LessOrEqual(t, expires*1000, after+(length+time.Second).Microseconds())
				// As if half of the window had passed.
				half := client.B().Pexpire().Key(storage.Key(of)).
					Milliseconds((length / 2).Milliseconds()).Build()
				require.NoError(t, client.Do(context.Background(), half).Error())
			}
		}
	}
}

// TestStoresNoAddressesOrIDs dumps all keys and values. They consist of digests, windows and
// numbers, from which no address and no install id can be derived.
func TestStoresNoAddressesOrIDs(t *testing.T) {
	const (
		id      = "install-0123456789abcdef"
		address = "203.0.113.77/32"
		secret  = "the-limiters-digest-key-0123456789abcdef"
	)
	server := redisserver.Start(t, "--requirepass", "")
	storage := open(t, server.URL(), patient)
	digester := throttle.NewDigester([]byte(secret))
	for i := range 50 {
		checks := []throttle.Check{
			{Dimension: throttle.ByAddress, Subject: digester.Subject(throttle.ByAddress, address),
				Limit: 100, Window: window},
			{Dimension: throttle.ByInstall, Subject: digester.Subject(throttle.ByInstall,
				fmt.Sprint(id, i)), Limit: 4, Window: window},
		}
		decide(t, storage, 0, checks...)
	}
	answer := server.Do(t, "KEYS", "*")
	keys, err := answer.AsStrSlice()
	require.NoError(t, err)
	require.Len(t, keys, 51)
	var all strings.Builder
	for _, key := range keys {
		assert.Regexp(t, `^sessiond:[A-Za-z0-9_-]{22}:[0-9a-z]+$`, key)
		answer := server.Do(t, "GET", key)
		value, err := answer.ToString()
		require.NoError(t, err)
		require.Zero(t, (len(value)-8)%8)
		assert.Regexp(t, `(?s)^\x00\x00\x00.\x00\x00\x00.(\x00[\x05-\x07].{6})+$`, latin1(value),
			"a header and instants")
		all.WriteString(key + "\n" + value + "\n")
	}
	dump := all.String()
	for _, hidden := range []string{id, "install", "203.0.113", address, secret, "203",
		"\xcb\x00\x71\x4d"} {
		for _, form := range []string{
			hidden, hex.EncodeToString([]byte(hidden)),
			base64.StdEncoding.EncodeToString([]byte(hidden)),
			base64.RawURLEncoding.EncodeToString([]byte(hidden)),
		} {
			if len(form) > 4 {
				assert.NotContains(t, dump, form)
			}
		}
	}
}

// latin1 returns a string with one rune for each byte, so that a pattern can match bytes.
func latin1(text string) string {
	runes := make([]rune, len(text))
	for i := range len(text) {
		runes[i] = rune(text[i])
	}
	return string(runes)
}

// TestBoundsMemoryOfSubject bounds the size of a subject's value, and what it takes of the server's
// memory.
func TestBoundsMemoryOfSubject(t *testing.T) {
	server := redisserver.Start(t)
	shared := open(t, server.URL(), patient)
	for _, limit := range []int{4, 100, 10_000} {
		storage := shared.UnderSuite(fmt.Sprintf("bytes%d:", limit))
		key := storage.Key(check(1, limit))
		size := func(command ...string) int64 {
			answer := server.Do(t, append(command, key)...)
			number, err := answer.AsInt64()
			require.NoError(t, err)
			return number
		}
		decide(t, storage, start, check(1, limit))
		assert.EqualValues(t, 16, size("STRLEN"))
		one := size("MEMORY", "USAGE")
		assert.LessOrEqual(t, one, int64(160))
		for i := range 2 * limit {
			decide(t, storage, start.After(time.Duration(i)*window/time.Duration(limit)),
				check(1, limit))
		}
		assert.EqualValues(t, 8+8*limit, size("STRLEN"))
		full := size("MEMORY", "USAGE")
		assert.LessOrEqual(t, full, int64(160+5*8*limit/2),
			"a string that grows in place has spare room")
		t.Logf("limit %d: %d bytes with one grant, %d with %d", limit, one, full, limit)
		decide(t, storage, start.After(100*window), check(1, limit))
		assert.EqualValues(t, 16, size("STRLEN"), "grants outside the window take no room")
	}
}

// TestMemoryFollowsGrantsAsRingBufferWraps gives a subject a few grants in each window, so that its
// ring buffer wraps and grows, under a large limit. It never takes more than twice what it needs.
func TestMemoryFollowsGrantsAsRingBufferWraps(t *testing.T) {
	const limit = 10_000
	server := redisserver.Start(t)
	storage := open(t, server.URL(), patient).UnderSuite("wraps:")
	now, given := start, ledger{}
	for _, most := range []int{2, 3, 7, 5, 60} { // grants in a window
		for range 3 * most {
			now = now.After(window/time.Duration(most) - time.Millisecond)
			decision := decide(t, storage, now, check(1, limit))
			require.False(t, decision.Refused())
			given = append(given, now)
			counted := limit - given.state(check(1, limit), now).Remaining
			answer := server.Do(t, "STRLEN", storage.Key(check(1, limit)))
			size, err := answer.AsInt64()
			require.NoError(t, err)
			require.LessOrEqual(t, size, int64(8+8*2*max(counted, 8)), "with %d grants", counted)
		}
	}
}

// TestBytesOfDecisionDoNotGrowWithLimit counts the bytes that the scripts read and write.
func TestBytesOfDecisionDoNotGrowWithLimit(t *testing.T) {
	server := redisserver.Start(t)
	shared := open(t, server.URL(), patient)
	moved := map[int]int{}
	for _, limit := range []int{100, 10_000} {
		storage := shared.UnderSuite(fmt.Sprintf("moved%d:", limit))
		for i := range limit + limit/2 {
			decide(t, storage, start.After(time.Duration(i)*window/time.Duration(limit)),
				check(1, limit))
		}
		now := start.After(window + window/2)
		monitor := watch(t, server)
		for i := range 10 {
			at := now.After(time.Duration(i) * window / time.Duration(limit))
			granted, refused := decide(t, storage, at, check(1, limit)),
				decide(t, storage, at, check(1, limit))
			require.False(t, granted.Refused())
			require.True(t, refused.Refused())
		}
		moved[limit] = monitor(t) / 20
		t.Logf("limit %d: %d bytes for a decision", limit, moved[limit])
		assert.Less(t, moved[limit], 400)
	}
	assert.Less(t, moved[10_000]-moved[100], 100, "the binary search reads a few more instants")
}

var command = regexp.MustCompile(
	`\[\d+ lua\] "([A-Z]+)" "[^"]*"(?: "((?:[^"\\]|\\.)*)")?(?: "((?:[^"\\]|\\.)*)")?`)

// watch monitors the server. The function that it returns reports how many bytes the scripts have
// read and written since.
func watch(t *testing.T, server *redisserver.Server) func(*testing.T) int {
	connection, err := net.DialTimeout("tcp", server.Addr(), redisserver.Timeout)
	require.NoError(t, err)
	require.NoError(t, connection.SetDeadline(time.Now().Add(redisserver.Timeout)))
	lines := bufio.NewScanner(connection)
	_, err = connection.Write([]byte("MONITOR\r\n"))
	require.NoError(t, err)
	require.True(t, lines.Scan())
	return func(t *testing.T) int {
		defer func() { _ = connection.Close() }()
		server.Do(t, "ECHO", "end of the monitored commands")
		total := 0
		for lines.Scan() && !strings.Contains(lines.Text(), "end of the monitored commands") {
			found := command.FindStringSubmatch(lines.Text())
			if found == nil {
				continue
			}
			switch found[1] {
			case "GETRANGE":
				from, err := strconv.Atoi(found[2])
				require.NoError(t, err)
				to, err := strconv.Atoi(found[3])
				require.NoError(t, err)
				total += to - from + 1
			case "SETRANGE":
				written, err := strconv.Unquote(`"` + found[3] + `"`)
				require.NoError(t, err)
				total += len(written)
			case "SET":
				written, err := strconv.Unquote(`"` + found[2] + `"`)
				require.NoError(t, err)
				total += len(written)
			case "STRLEN", "PEXPIRE":
			default:
				require.Fail(t, "unexpected command of a script", "%s", lines.Text())
			}
		}
		require.NoError(t, lines.Err())
		require.NotZero(t, total)
		return total
	}
}
