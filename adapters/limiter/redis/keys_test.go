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

// TestKeysExpire: no earlier than the window, and not much later.
func TestKeysExpire(t *testing.T) {
	server := redisserver.Start(t)
	storage := open(t, server.URL(), patient)
	client := server.Client(t)
	for _, limit := range []int{1, 4, 40} { // 40 grants lie in a ring that is written in place
		for _, length := range []time.Duration{time.Second, time.Minute, 24 * time.Hour} {
			of := ask(byte(limit), limit)
			of.Window = length
			for range limit {
				granted := decide(t, storage, 0, of)
				require.False(t, granted.Refused())
				left, err := client.Do(context.Background(),
					client.B().Pttl().Key(storage.Key(of)).Build()).AsInt64()
				require.NoError(t, err)
				assert.Greater(t, time.Duration(left)*time.Millisecond, length)
				assert.LessOrEqual(t, time.Duration(left)*time.Millisecond, length+time.Second)
				// as if time went by
				half := client.B().Pexpire().Key(storage.Key(of)).Milliseconds((length / 2).Milliseconds()).Build()
				require.NoError(t, client.Do(context.Background(), half).Error())
			}
		}
	}
}

// TestNothingIsTold dumps all keys and values: a digest, a window, numbers, and nothing that an
// address or an id could be had from.
func TestNothingIsTold(t *testing.T) {
	const (
		id      = "install-0123456789abcdef"
		address = "203.0.113.77/32"
		secret  = "the-limiters-digest-key-0123456789abcdef"
	)
	server := redisserver.Start(t, "--requirepass", "")
	storage := open(t, server.URL(), patient)
	digester := throttle.NewDigester([]byte(secret))
	for i := range 50 {
		asks := []throttle.Check{
			{Dimension: throttle.ByAddress, Subject: digester.Subject(throttle.ByAddress, address),
				Limit: 100, Window: window},
			{Dimension: throttle.ByInstall, Subject: digester.Subject(throttle.ByInstall,
				fmt.Sprint(id, i)), Limit: 4, Window: window},
		}
		decide(t, storage, 0, asks...)
	}
	keys, err := func() ([]string, error) {
		answer := server.Do(t, "KEYS",
			"*")
		return answer.AsStrSlice()
	}()
	require.NoError(t, err)
	require.Len(t, keys, 51)
	var all strings.Builder
	for _, key := range keys {
		assert.Regexp(t, `^sessiond:[A-Za-z0-9_-]{22}:[0-9a-z]+$`, key)
		value, err := func() (string, error) {
			answer := server.Do(t, "GET", key)
			return answer.ToString()
		}()
		require.NoError(t, err)
		require.Zero(t, (len(value)-8)%8)
		assert.Regexp(t, `(?s)^\x00\x00\x00.\x00\x00\x00.(\x00[\x05-\x07].{6})+$`, latin1(value),
			"a header, and instants")
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

// latin1 has a rune for each byte, so that a pattern can speak of bytes.
func latin1(text string) string {
	runes := make([]rune, len(text))
	for i := range len(text) {
		runes[i] = rune(text[i])
	}
	return string(runes)
}

// TestBytes holds what a subject takes: in the value, and in the server's memory.
func TestBytes(t *testing.T) {
	server := redisserver.Start(t)
	shared := open(t, server.URL(), patient)
	for _, limit := range []int{4, 100, 10_000} {
		storage := shared.UnderSuite(fmt.Sprintf("bytes%d:", limit))
		key := storage.Key(ask(1, limit))
		size := func(command ...string) int64 {
			answer := server.Do(t, append(command, key)...)
			number, err := answer.AsInt64()
			require.NoError(t, err)
			return number
		}
		decide(t, storage, start, ask(1, limit))
		assert.EqualValues(t, 16, size("STRLEN"))
		one := size("MEMORY", "USAGE")
		assert.LessOrEqual(t, one, int64(160))
		for i := range 2 * limit {
			decide(t, storage, start.After(time.Duration(i)*window/time.Duration(limit)),
				ask(1, limit))
		}
		assert.EqualValues(t, 8+8*limit, size("STRLEN"))
		full := size("MEMORY", "USAGE")
		assert.LessOrEqual(t, full, int64(160+5*8*limit/2),
			"a string that grows in place has room to spare")
		t.Logf("limit %d: %d bytes with one grant, %d with %d", limit, one, full, limit)
		decide(t, storage, start.After(100*window), ask(1, limit))
		assert.EqualValues(t, 16, size("STRLEN"), "what has left gives its room back")
	}
}

// TestBytesMoved watches what scripts read and write: it does not grow with the limit.
func TestBytesMoved(t *testing.T) {
	server := redisserver.Start(t)
	shared := open(t, server.URL(), patient)
	moved := map[int]int{}
	for _, limit := range []int{100, 10_000} {
		storage := shared.UnderSuite(fmt.Sprintf("moved%d:", limit))
		for i := range limit + limit/2 {
			decide(t, storage, start.After(time.Duration(i)*window/time.Duration(limit)),
				ask(1, limit))
		}
		now := start.After(window + window/2)
		monitor := watch(t, server)
		for i := range 10 {
			at := now.After(time.Duration(i) * window / time.Duration(limit))
			granted, refused := decide(t, storage, at, ask(1, limit)),
				decide(t, storage, at, ask(1, limit))
			require.False(t, granted.Refused())
			require.True(t, refused.Refused())
		}
		moved[limit] = monitor(t) / 20
		t.Logf("limit %d: %d bytes for a decision", limit, moved[limit])
		assert.Less(t, moved[limit], 400)
	}
	assert.Less(t, moved[10_000]-moved[100], 100, "halving takes a few instants more")
}

var command = regexp.MustCompile(
	`\[\d+ lua\] "([A-Z]+)" "[^"]*"(?: "((?:[^"\\]|\\.)*)")?(?: "((?:[^"\\]|\\.)*)")?`)

// watch has the server tell all that scripts do; what it returns tells how many bytes they read and
// wrote since.
func watch(t *testing.T, server *redisserver.Server) func(*testing.T) int {
	connection, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", server.Addr())
	require.NoError(t, err)
	lines := bufio.NewScanner(connection)
	_, err = connection.Write([]byte("MONITOR\r\n"))
	require.NoError(t, err)
	require.True(t, lines.Scan())
	return func(t *testing.T) int {
		defer func() { _ = connection.Close() }()
		server.Do(t, "ECHO", "that is all")
		total := 0
		for lines.Scan() && !strings.Contains(lines.Text(), "that is all") {
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
				require.Fail(t, "not expected of a script", "%s", lines.Text())
			}
		}
		require.NotZero(t, total)
		return total
	}
}
