package accesslog_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/accesslog"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// lines is an accesslog.Lines over text.
type lines struct{ *bufio.Scanner }

func (l lines) Next() ([]byte, bool, error) {
	if !l.Scan() {
		return nil, false, l.Err()
	}
	return l.Bytes(), true, nil
}

func over(text string) lines { return lines{bufio.NewScanner(strings.NewReader(text))} }

// counts is an accesslog.Counts that keeps the counts.
type counts struct {
	unreadable map[string]int
	other      int
}

func (c *counts) Unreadable(reason string) { c.unreadable[reason]++ }
func (c *counts) Other()                   { c.other++ }

// read reads logs one after the other.
func read(t *testing.T, texts ...string) ([]ports.Attempt, counts) {
	t.Helper()
	counted := counts{unreadable: map[string]int{}}
	reader := accesslog.NewReader(accesslog.Rules{Path: "/v1/sessions/anonymous", IPv6Prefix: 64, Window: time.Minute},
		over(texts[0]), &counted)
	var all []ports.Attempt
	for i := range texts {
		reader.Continue(over(texts[i]))
		for {
			var attempt ports.Attempt
			more, err := reader.Next(&attempt)
			require.NoError(t, err)
			if !more {
				break
			}
			all = append(all, attempt)
		}
	}
	return all, counted
}

// subjects returns the subjects of an address.
func subjects(address, network string) []throttle.Check {
	digester := throttle.NewDigester([]byte("access log"))
	return []throttle.Check{
		{Dimension: throttle.ByAddress, Subject: digester.Subject(throttle.ByAddress, address)},
		{Dimension: throttle.ByNetwork, Subject: digester.Subject(throttle.ByNetwork, network)}}
}

// TestReadsEveryForm checks that the same request is read alike from every form of line.
func TestReadsEveryForm(t *testing.T) {
	at := time.Date(2026, 11, 30, 12, 0, 5, 0, time.UTC)
	for name, line := range map[string]string{
		"combined":    `203.0.113.5 - - [30/Nov/2026:13:00:05 +0100] "POST /v1/sessions/anonymous HTTP/1.1" 200 512 "-" "app/1.0 \x22x\x22"`,
		"user":        `203.0.113.5 - a [x] [1 b [30/Nov/2026:12:00:05 +0000] "POST /v1/sessions/anonymous HTTP/1.1" 200 512 "-" "-"`,
		"common":      `203.0.113.5 - a user [30/Nov/2026:12:00:05 +0000] "POST /v1/sessions/anonymous?x=1 HTTP/2.0" 429 -`,
		"mapped":      `::ffff:203.0.113.5 - - [30/Nov/2026:12:00:05 +0000] "POST /v1/sessions/anonymous HTTP/1.1" 200 512 "-" "-"`,
		"nginx":       `{"time_iso8601":"2026-11-30T12:00:05+00:00","remote_addr":"203.0.113.5","request":"POST /v1/sessions/anonymous HTTP/1.1","status":200}`,
		"nginx parts": `{"msec":"1796040005.000","remote_addr":"203.0.113.5","request_method":"POST","request_uri":"/v1/sessions/anonymous","status":"200"}`,
		"nginx local": `{"time_local":"30/Nov/2026:12:00:05 +0000","remote_addr":"203.0.113.5","method":"POST","uri":"/v1/sessions/anonymous"}`,
		"caddy":       `{"level":"info","ts":1796040005.0000,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"10.0.0.1","remote_port":"4711","client_ip":"203.0.113.5","proto":"HTTP/2.0","method":"POST","host":"x","uri":"/v1/sessions/anonymous","headers":{"User-Agent":["a"]}},"status":200}`,
		"caddy 2.4":   `{"ts":"2026-11-30T12:00:05.000Z","request":{"remote_addr":"203.0.113.5:4711","method":"POST","uri":"/v1/sessions/anonymous"}}`,
		"caddy wall":  `{"ts":"2026/11/30 12:00:05.000","request":{"remote_ip":"203.0.113.5","method":"POST","uri":"/v1/sessions/anonymous"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			all, counted := read(t, line+"\n")
			require.Empty(t, counted.unreadable)
			require.Len(t, all, 1)
			assert.True(t, at.Equal(all[0].Time), all[0].Time)
			assert.Equal(t, throttle.Instant(at.UnixNano()), all[0].Instant)
			assert.Equal(t, throttle.NewChecks(subjects("203.0.113.5/32", "203.0.113.0/24")...),
				all[0].Checks)
			assert.Equal(t, &ports.RecordedLimits{Window: time.Minute}, all[0].Begins)
		})
	}
}

func line(address string, second int) string {
	at := time.Unix(1_800_000_000+int64(second), 0).UTC().Format("02/Jan/2006:15:04:05 -0700")
	return fmt.Sprintf(`%s - - [%s] "POST /v1/sessions/anonymous HTTP/1.1" 200 1 "-" "-"`+"\n",
		address, at)
}

func TestUnixTimesKeepNanoseconds(t *testing.T) {
	for text, want := range map[string]int64{
		"1800000000.123456789": 1_800_000_000_123_456_789, "1800000000.1": 1_800_000_000_100_000_000,
		"1800000000123":       1_800_000_000_123_000_000,
		"1800000000123.4567":  1_800_000_000_123_456_700,
		"1800000000123456789": 1_800_000_000_123_456_789,
		"1800000000":          1_800_000_000_000_000_000, "1800000000.1234567899": 1_800_000_000_123_456_789,
	} {
		all, _ := read(t, `{"ts":`+text+`,"request":{"client_ip":"::1","method":"POST",`+
			`"uri":"/v1/sessions/anonymous"}}`)
		require.Len(t, all, 1)
		assert.Equal(t, throttle.Instant(want), all[0].Instant)
	}
}

func TestOtherRequestsAreCountedApart(t *testing.T) {
	text := ""
	for _, request := range []string{"GET /v1/sessions/anonymous HTTP/1.1",
		"POST /v1/sessions/anonymous/ HTTP/1.1", "POST /v1/sessions HTTP/1.1", "-", `\x16\x03\x01`} {
		text += strings.Replace(line("192.0.2.1", 0), "POST /v1/sessions/anonymous HTTP/1.1",
			request, 1)
	}
	all, counted := read(t, text)
	assert.Empty(t, all)
	assert.Equal(t, counts{map[string]int{}, 5}, counted)
}

// TestBrokenLinesAreCountedAndPassedOver checks that broken lines between the others do not change
// what is read.
func TestBrokenLinesAreCountedAndPassedOver(t *testing.T) {
	broken := map[string]string{
		"garbage": accesslog.ReasonForm, "{": accesslog.ReasonForm, "{}": accesslog.ReasonRequest,
		strings.TrimSpace(line("unknown", 7)):                                                            accesslog.ReasonAddress,
		strings.TrimSpace(line("unix:", 7)):                                                              accesslog.ReasonAddress,
		strings.TrimSpace(line("10.0.0.1", -9999)):                                                       accesslog.ReasonBackwards,
		strings.TrimSpace(line("10.0.0.1", 9999)):                                                        accesslog.ReasonAhead,
		`10.0.0.1 - - [31/Feb/2026:12:00:05 +0000] "GET / HTTP/1.1" 200 1`:                               accesslog.ReasonTime,
		`10.0.0.1 - - [30/Nov/2026:12:00:05 +0000] "" 400 0`:                                             accesslog.ReasonRequest,
		`{"remote_addr":"10.0.0.1","request":"POST /v1/sessions/anonymous HTTP/1.1"}`:                    accesslog.ReasonTime,
		`{"ts":-1,"request":{"client_ip":"10.0.0.1","method":"POST","uri":"/v1/sessions/anonymous"}}`:    accesslog.ReasonTime,
		`{"ts":1e400,"request":{"client_ip":"10.0.0.1","method":"POST","uri":"/v1/sessions/anonymous"}}`: accesslog.ReasonTime,
		`{"ts":1800000000,"request":{"method":"POST","uri":"/v1/sessions/anonymous"}}`:                   accesslog.ReasonAddress,
		`{"ts":1800000000,"request":[1]}`:                                                                accesslog.ReasonAddress,
		"\x00\xff\xfe":                                                                                   accesslog.ReasonForm,
	}
	good, mixed, want, n := "", "", map[string]int{}, 1
	add := func() {
		text := line(fmt.Sprintf("192.0.2.%d", n%5), n)
		good += text
		mixed += text
		n++
	}
	add()
	for text, reason := range broken {
		mixed += text + "\n"
		want[reason]++
		add()
	}
	plain, counted := read(t, good)
	assert.Empty(t, counted.unreadable)
	all, counted := read(t, mixed)
	assert.Equal(t, want, counted.unreadable)
	assert.Equal(t, plain, all)
}

// TestLinesWithWrongTimesArePassedOver checks that, if one line in ten has a wrong time, the others
// are read as if it were not there.
func TestLinesWithWrongTimesArePassedOver(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 20))
	var good, mixed strings.Builder
	add := func(text string, logs ...*strings.Builder) {
		for _, log := range logs {
			log.WriteString(text)
		}
	}
	wrong, at := 0, 0
	add(line("192.0.2.1", at), &good, &mixed)
	for range 20_000 {
		if random.IntN(200) == 0 {
			at += random.IntN(4000) // a quiet hour
		}
		at += random.IntN(3)
		if random.IntN(10) > 0 {
			add(line("192.0.2.1", at), &good, &mixed)
			continue
		}
		wrong++
		off := (1 + random.IntN(1000)) * 5000
		if random.IntN(2) == 0 {
			off = -off
		}
		add(line("198.51.100.1", at+off), &mixed)
	}
	add(line("192.0.2.1", at), &good, &mixed)
	plain, _ := read(t, good.String())
	all, counted := read(t, mixed.String())
	assert.Equal(t, plain, all)
	assert.Equal(t, wrong, counted.unreadable[accesslog.ReasonAhead]+
		counted.unreadable[accesslog.ReasonBackwards])
}

// TestLateLinesCountAtLatestTime checks that a line a little earlier than one before it counts at
// the latest time so far, also across files.
func TestLateLinesCountAtLatestTime(t *testing.T) {
	all, counted := read(t, line("192.0.2.1", 0)+line("192.0.2.1", 30),
		line("192.0.2.1", 10)+line("192.0.2.1", 40))
	assert.Empty(t, counted.unreadable)
	var seconds []int64
	for i, attempt := range all {
		seconds = append(seconds, attempt.Time.Unix()-1_800_000_000)
		assert.Equal(t, i == 0, attempt.Begins != nil)
	}
	assert.Equal(t, []int64{0, 30, 30, 40}, seconds)
}
