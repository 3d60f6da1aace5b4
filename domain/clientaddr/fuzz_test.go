package clientaddr_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/offload/sessiond/domain/clientaddr"
)

func FuzzXForwardedFor(f *testing.F) {
	for _, seed := range []string{
		"", ",", "203.0.113.5", "198.51.100.1, 203.0.113.5:80,10.1.1.1", `"[2001:db8::1]:80"`,
		"[::ffff:10.0.0.1%eth0]\n10.1.1.1", "unknown, 10.1.1.1",
		"::%eth0", `"`, "[", "]", ":", strings.Repeat("10.1.1.1,", 60), "fe80::1%\xff", "0.0.0.0",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) { checkWalk(t, text, clientaddr.XForwardedFor) })
}

func FuzzForwarded(f *testing.F) {
	for _, seed := range []string{
		"", ",", ";", "=", "for=", "for=203.0.113.5;proto=https, for=10.1.1.1",
		`for="[2001:db8::1]:80"`, `for="2\03.0.113.5"`, `for="a\",b";by="\\"`,
		`for="`, `for="198.51.100.1, for=203.0.113.5`, "for=unknown\nfor=10.1.1.1",
		strings.Repeat("for=10.1.1.1,", 60), `"`, `\`, `\"`, `="="`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) { checkWalk(t, text, clientaddr.Forwarded) })
}

// checkWalk checks that the client of a request with the lines of text is the peer or an address
// that occurs in text, that at most MaxEntries are examined, and none if the peer is not trusted.
func checkWalk(t *testing.T, text string, read func([]string) clientaddr.Entries) {
	t.Helper()
	lines := strings.Split(text, "\n")
	examined := 0
	counted := func(yield func(string) bool) {
		for entry := range read(lines) {
			examined++
			if !yield(entry) {
				return
			}
		}
	}
	client := clientaddr.Client(netip.MustParseAddr(peer), balancers, counted)
	assert.LessOrEqual(t, examined, clientaddr.MaxEntries)
	assert.True(t, client.IsValid())
	assert.Empty(t, client.Zone())
	assert.False(t, client.Is4In6())
	assert.False(t, client.IsUnspecified())
	if client.String() != peer {
		assert.True(t, occurs(client, strings.ReplaceAll(text, `\`, "")), "%s does not occur in %q",
			client, text)
	}
	examined = 0
	untrusted := netip.MustParseAddr("198.51.100.9")
	assert.Equal(t, untrusted, clientaddr.Client(untrusted, balancers, counted))
	assert.Equal(t, netip.MustParseAddr(peer),
		clientaddr.Client(netip.MustParseAddr(peer), clientaddr.Trusted{}, counted))
	assert.Zero(t, examined)
}

// occurs reports whether any substring of text is that address, in any notation.
func occurs(addr netip.Addr, text string) bool {
	const longest = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")
	for from := range len(text) {
		for to := from + 1; to <= min(len(text), from+longest); to++ {
			if found, err := netip.ParseAddr(text[from:to]); err == nil && found.Unmap() == addr {
				return true
			}
		}
	}
	return false
}

// TestForwardedReadsElementsOfTrustedHops appends elements in the format of RFC 7239 to arbitrary
// text: the appended elements must be read back unchanged.
func TestForwardedReadsElementsOfTrustedHops(t *testing.T) {
	hostile := rapid.StringOfN(rapid.RuneFrom([]rune(`",;=\ []:._for1`)), 0, 12, -1)
	rapid.Check(t, func(t *rapid.T) {
		line := hostile.Draw(t, "untrusted prefix")
		var want []string
		for range rapid.IntRange(1, 4).Draw(t, "hops") {
			node := hostile.Draw(t, "node")
			element := "for=" + quote(node)
			if rapid.Bool().Draw(t, "has by") {
				element = "by=" + quote(hostile.Draw(t, "by")) + ";" + element
			}
			if rapid.Bool().Draw(t, "has host") {
				element += rapid.SampledFrom([]string{";", " ; ", ";;"}).Draw(t, "separator") +
					"host=" + quote(hostile.Draw(t, "host"))
			}
			line += rapid.SampledFrom([]string{",", ", ", " ,\t"}).Draw(t, "comma") + element
			want = append([]string{node}, want...)
		}
		var got []string
		for entry := range clientaddr.Forwarded([]string{line}) {
			if got = append(got, entry); len(got) == len(want) {
				break
			}
		}
		require.Equal(t, want, got, "line %s", line)
	})
}

// quote returns text as a quoted string (RFC 9110 §5.6.4).
func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}
