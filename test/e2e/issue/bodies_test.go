package issue_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/test/harness"
)

func TestHostileBodies(t *testing.T) {
	t.Parallel()
	service := harness.Start(t, harness.Production(harness.Env{
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP":      "10000",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_NETWORK": "0",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL": "10000",
	}))
	sound := harness.IssueBody("install-12345")
	padded := func(size int) string { return sound + strings.Repeat(" ", size-len(sound)) }
	for name, hostile := range map[string]struct {
		body   string
		status int
	}{
		"16 KiB":               {padded(16 << 10), 200},
		"16 KiB and a byte":    {padded(16<<10 + 1), 413},
		"a mebibyte":           {padded(1 << 20), 413},
		"only white space":     {strings.Repeat(" ", 16<<10), 422},
		"nothing":              {"", 422},
		"NUL":                  {"\x00", 422},
		"NUL after the object": {sound + "\x00", 422},
		"a byte order mark":    {"\ufeff" + sound, 422},
		"UTF-16":               {"\xff\xfe{\x00}\x00", 422},
		"bad UTF-8": {strings.Replace(sound, "install-12345",
			"install-\xff\xfe12345", 1), 422},
		"a lone surrogate": {strings.Replace(sound, "install-12345", `install-\ud83d12345`,
			1), 422},
		"an overlong NUL": {strings.Replace(sound, "install-12345",
			"install-\xc0\x8012345", 1), 422},
		"deep lists":   {strings.Repeat("[", 16_000), 422},
		"deep objects": {strings.Repeat(`{"a":`, 3000), 422},
		"a deep value beside valid members": {strings.Replace(sound, "{",
			`{"x":`+strings.Repeat("[", 7000)+strings.Repeat("]", 7000)+",", 1), 422},
		"one name repeated many times": {"{" + strings.Repeat(`"a":1,`, 2500) + `"a":1}`, 422},
		"a very long number": {strings.Replace(sound, "{",
			`{"x":`+strings.Repeat("9", 16_000)+",", 1), 200},
		"a very long exponent": {strings.Replace(sound, "{",
			`{"x":1e`+strings.Repeat("9", 16_000)+",", 1), 200},
		"two values":                          {sound + sound, 422},
		"a name in a second spelling of case": {strings.Replace(sound, "{", `{"Install_ID":1,`, 1), 200},
		"a name repeated with escapes": {strings.Replace(sound, "{",
			`{"\u0069nstall_id":"install-67890",`, 1), 422},
		"a form":               {"install_id=install-12345&app_version=1.0&platform=ios", 422},
		"XML":                  {"<install_id>install-12345</install_id>", 422},
		"an id of line breaks": {harness.IssueBody("install\r\nSet-Cookie: x=y"), 422},
		"an id too long":       {harness.IssueBody(strings.Repeat("i", 16_000)), 422},
	} {
		t.Run(name, func(t *testing.T) {
			for form, text := range map[string]string{"announced": harness.RawIssue(hostile.body),
				"in chunks": harness.RawChunkedIssue(hostile.body)} {
				answer := service.Exchange(t, http.MethodPost, text)
				assert.Equal(t, hostile.status, answer.Status, form)
				assert.Equal(t, "application/json", answer.Header.Get("Content-Type"), form)
				assert.Empty(t, answer.Header.Values("Set-Cookie"), form)
			}
		})
	}
	service.RequireHealthy(t)
	assert.Empty(t, service.Log.Of("panic_recovered"))
}
