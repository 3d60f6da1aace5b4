package bound_test

import (
	"encoding/base64"
	"flag"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/device"
	"github.com/offload/sessiond/test/harness/leaks"
	"github.com/offload/sessiond/test/harness/redisserver"
	"github.com/offload/sessiond/test/marked"
)

var update = flag.Bool("update", false, "write the table of thefts into docs/bound.md")

// plainID is the install id of the installation without a key.
const plainID = "install-without-a-key"

// victims are two replicas on one Redis server, with a session that is bound to the key of a phone
// and one that is bound to nothing. The thief has a key of its own.
type victims struct {
	t            *testing.T
	server       *redisserver.Server
	replicas     []*harness.Process
	phone, thief device.Key
	// These sessions have expired, within the grace for renewals.
	expiredBound, expiredPlain string
	bound, plain               string
	// secrets are what must be neither in the log nor in the storage, by their descriptions.
	secrets map[string]string
}

// rob starts the replicas and issues the sessions.
func rob(t *testing.T) *victims {
	t.Helper()
	v := &victims{t: t, server: redisserver.Start(t), phone: device.New(1), thief: device.New(2),
		secrets: map[string]string{"an install id": plainID}}
	v.secrets["a thumbprint"] = v.phone.Thumbprint
	digest, err := base64.RawURLEncoding.DecodeString(v.phone.Thumbprint)
	require.NoError(t, err)
	v.secrets["a thumbprint, decoded"] = string(digest)
	environment := shared(v.server.URL(), harness.BehindProxy(harness.Env{"OFFLOAD_LOG_LEVEL": "debug",
		"OFFLOAD_SESSION_BINDING": "accept"}))
	v.replicas = []*harness.Process{harness.StartSharing(t, environment),
		harness.StartSharing(t, environment)}
	brief := harness.StartSharing(t, environment.With(harness.Env{"OFFLOAD_SESSION_TTL_SECONDS": "1"}))
	v.bound, v.plain = v.issue(v.replicas[0])
	v.expiredBound, v.expiredPlain = v.issue(brief)
	harness.Poll(t, "the sessions of a second have expired", func() bool {
		now := time.Now()
		return brief.Current(t, harness.Bearer(v.expiredPlain)).Code() == "expired_token" &&
			current(t, brief.Client, v.phone, v.expiredBound, now).Code() == "expired_token"
	})
	return v
}

// issue requests a session of each kind.
func (v *victims) issue(replica *harness.Process) (bound, plain string) {
	bound = replica.Token(v.t, v.phone.Thumbprint,
		dpop(v.proof(device.For(http.MethodPost, issueURI, time.Now()))))
	plain = replica.Token(v.t, plainID)
	v.secrets[fmt.Sprintf("bound token %d", len(v.secrets))] = bound
	v.secrets[fmt.Sprintf("plain token %d", len(v.secrets))] = plain
	return bound, plain
}

// proof returns a proof of the phone, which a thief may have captured.
func (v *victims) proof(claims device.Claims) string {
	text := v.phone.Proof(claims)
	v.secrets["the jti of "+claims.ID] = claims.ID
	v.secrets["proof "+claims.ID] = text
	return text
}

// attempt is what a thief sends, and what the table calls a success.
type attempt struct {
	benefit, method, path string
	headers               []harness.Header
}

// request is an attempt to use a session, and renewal one to renew that of an install id.
func request(benefit string, headers ...harness.Header) attempt {
	return attempt{benefit, http.MethodGet, currentPath, headers}
}

func renewal(benefit string, headers ...harness.Header) attempt {
	return attempt{benefit, http.MethodPost, harness.IssuePath, headers}
}

// own returns a new proof by the thief's key for a request with a token, if there is one.
func (v *victims) own(method, uri, token string) harness.Header {
	claims := device.For(method, uri, time.Now())
	if token != "" {
		claims = claims.ForToken(token)
	}
	return dpop(v.thief.Proof(claims))
}

// stolen returns what a thief tries with a bound token, and proofs of the phone that it captured.
func (v *victims) stolen(token string, captured ...string) []attempt {
	attempts := []attempt{
		request("its requests", harness.Bearer(token)),
		request("its requests", bound(token)),
		request("its requests", bound(token), v.own(http.MethodGet, currentURI, token)),
		renewal("renewals", harness.Bearer(token)),
		renewal("renewals", bound(token)),
		renewal("renewals", bound(token), v.own(http.MethodPost, issueURI, token)),
	}
	for _, proof := range captured {
		attempts = append(attempts,
			request("that request again, until the proof is stale", bound(token), dpop(proof)),
			attempt{"other requests", http.MethodHead, currentPath, []harness.Header{bound(token), dpop(proof)}},
			attempt{"other requests", http.MethodGet, verifyPath, []harness.Header{bound(token), dpop(proof)}},
			attempt{"other requests", http.MethodGet, verifyPath, forwardedBy("api.example.com", bound(token), dpop(proof))},
			renewal("renewals", bound(token), dpop(proof)))
	}
	return attempts
}

// forwardedBy returns the headers with which a proxy names the original request, GET
// /v1/sessions/current of a host, and more.
func forwardedBy(host string, more ...harness.Header) []harness.Header {
	return append(more, harness.Header{"X-Forwarded-Method", "GET"},
		harness.Header{"X-Forwarded-Proto", "https"}, harness.Header{"X-Forwarded-Host", host},
		harness.Header{"X-Forwarded-Uri", currentPath})
}

// gain makes the attempts at each replica, for an installation, and returns what succeeded.
func (v *victims) gain(id string, attempts ...attempt) string {
	v.t.Helper()
	var benefits []string
	for _, tried := range attempts {
		body := ""
		headers := tried.headers
		if tried.method == http.MethodPost {
			body = harness.IssueBody(id)
			headers = append(slices.Clone(headers), harness.Header{"Content-Type", "application/json"})
		}
		for _, replica := range v.replicas {
			answer := replica.Send(v.t, tried.method, tried.path, body, headers...)
			require.Contains(v.t, []int{http.StatusOK, http.StatusUnauthorized}, answer.Status,
				"%s: %s", tried.benefit, answer.Body)
			if answer.Status == http.StatusOK && !slices.Contains(benefits, tried.benefit) {
				benefits = append(benefits, tried.benefit)
			}
		}
	}
	if len(benefits) == 0 {
		return "nothing"
	}
	return strings.Join(benefits, "; ")
}

// search returns which secrets a text has, in any form; in names those of one kind only.
func (v *victims) search(text string, kinds ...string) string {
	v.t.Helper()
	require.NotEmpty(v.t, text)
	search := leaks.New()
	search.Places["there"] = text
	for name, secret := range v.secrets {
		if slices.ContainsFunc(kinds, func(kind string) bool { return strings.Contains(name, kind) }) {
			search.Forbidden[name] = secret
		}
	}
	require.NotEmpty(v.t, search.Forbidden)
	if found := search.Found(); len(found) > 0 {
		return strings.Join(found, "; ")
	}
	return "nothing"
}

// dump returns the names of all keys in the storage, with their values as Redis serializes them.
func (v *victims) dump() string {
	v.t.Helper()
	var text strings.Builder
	cursor := "0"
	for {
		answer := v.server.Do(v.t, "SCAN", cursor, "COUNT", "1000")
		page, err := answer.AsScanEntry()
		require.NoError(v.t, err)
		for _, name := range page.Elements {
			value := v.server.Do(v.t, "DUMP", name)
			serialized, err := value.ToString()
			if rueidis.IsRedisNil(err) {
				continue // it has expired meanwhile
			}
			require.NoError(v.t, err)
			raw := v.server.Do(v.t, "GET", name)
			content, err := raw.ToString()
			if !rueidis.IsRedisNil(err) {
				require.NoError(v.t, err)
			}
			text.WriteString(name + "\n" + serialized + "\n" + content + "\n")
		}
		if page.Cursor == 0 {
			return text.String()
		}
		cursor = fmt.Sprint(page.Cursor)
	}
}

// kindsOfPlain and kindsOfBound are the secrets of each installation.
var (
	kindsOfPlain = []string{"an install id", "plain token"}
	kindsOfBound = []string{"a thumbprint", "bound token", "jti", "proof"}
)

// TestThefts tries what a thief could do with what may be stolen, at two replicas on one Redis
// server, and compares the table on the page with what it got. It writes the table with -update.
func TestThefts(t *testing.T) {
	v := rob(t)
	captured := v.proof(device.For(http.MethodGet, currentURI, time.Now()).ForToken(v.bound))
	stale := v.proof(device.For(http.MethodGet, currentURI, time.Now().Add(-301*time.Second)).ForToken(v.bound))
	elsewhere := v.proof(device.For(http.MethodGet, "https://evil.example"+currentPath, time.Now()).
		ForToken(v.bound))
	rows := [][3]string{
		{"a session",
			v.gain(plainID, request("its requests", harness.Bearer(v.plain)), renewal("renewals", harness.Bearer(v.plain))),
			v.gain(v.phone.Thumbprint, v.stolen(v.bound)...)},
		{"a session, with the proof of a request", "–",
			v.gain(v.phone.Thumbprint, v.stolen(v.bound, captured)...)},
		{"the same, six minutes later", "–", v.gain(v.phone.Thumbprint, v.stolen(v.bound, stale)...)},
		{"a session that has expired",
			v.gain(plainID, request("its requests", harness.Bearer(v.expiredPlain)),
				renewal("renewals", harness.Bearer(v.expiredPlain))),
			v.gain(v.phone.Thumbprint, v.stolen(v.expiredBound)...)},
		{"an install ID", v.gain(plainID, renewal("a session in its name")),
			v.gain(v.phone.Thumbprint, renewal("a session in its name"),
				renewal("a session in its name", v.own(http.MethodPost, issueURI, "")))},
		{"a session, with a proof for another origin", "–",
			v.gain(v.phone.Thumbprint, append(v.stolen(v.bound, elsewhere), attempt{"its requests", http.MethodGet,
				verifyPath, forwardedBy("evil.example", bound(v.bound), dpop(elsewhere))})...)},
		{"a proof for a new session, sent to both replicas at once", "–", v.replayed(t)},
	}
	dump := v.dump()
	for _, replica := range v.replicas {
		assert.Equal(t, 0, replica.Stop(t))
	}
	log := v.replicas[0].Log.Text() + v.replicas[1].Log.Text()
	rows = append(rows,
		[3]string{"the log of the service, of every level", v.search(log, kindsOfPlain...),
			v.search(log, kindsOfBound...)},
		[3]string{"a dump of the storage", v.search(dump, kindsOfPlain...),
			v.search(dump, kindsOfBound...)})

	for _, kinds := range [][]string{kindsOfPlain, kindsOfBound} {
		require.NotEqual(t, "nothing", v.search(dump+v.plain+v.bound, kinds...), "the search finds")
	}
	table := "| Stolen | Without a key, the thief gets | Bound to a key |\n| --- | --- | --- |\n"
	for _, row := range rows {
		table += "| " + strings.Join(row[:], " | ") + " |\n"
	}
	page := filepath.Join("..", "..", "..", "cmd", "sessiond", "docs", "bound.md")
	if *update && !t.Failed() {
		require.NoError(t, marked.Replace(page, "thefts", table))
	}
	committed, err := marked.Text(page, "thefts")
	require.NoError(t, err)
	assert.Equal(t, table, committed, "write the table anew: go test -run Thefts ./test/e2e/bound -update")
}

// replayed sends each of a hundred proofs for new sessions to both replicas at once, and uses the
// session of another that the thief sends first.
func (v *victims) replayed(t *testing.T) string {
	t.Helper()
	const rounds = 100
	for round := range rounds {
		proof := v.proof(device.For(http.MethodPost, issueURI, time.Now()))
		require.EqualValues(t, 1, race(t, v.replicas, v.phone, proof), "round %d", round)
	}
	first := v.proof(device.For(http.MethodPost, issueURI, time.Now()))
	token := v.replicas[0].Token(t, v.phone.Thumbprint, dpop(first))
	uses := v.gain(v.phone.Thumbprint, v.stolen(token, first)...)
	require.Equal(t, "nothing", uses)
	return fmt.Sprintf("one session, %d times of %[1]d, and with it %s", rounds, uses)
}
