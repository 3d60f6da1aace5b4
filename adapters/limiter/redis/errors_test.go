package redis_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/redis"
)

// TestReportsOnlyKnownErrorCodes lets a server send errors. Of their text only a code that Redis
// defines is reported.
func TestReportsOnlyKnownErrorCodes(t *testing.T) {
	for answer, detail := range map[string]string{
		"-OOM command not allowed\r\n": "OOM", "-NOPERM\r\n": "NOPERM",
		"!9\r\nMISCONF a\r\n":                    "MISCONF",
		"-ERR max number of clients reached\r\n": "ERR", "-SECRETPASSWORD unknown user\r\n": "ERR",
		"-ERR SECRETPASSWORD\r\n": "ERR", "-OOMS\r\n": "ERR",
		"-\r\n": "ERR", "-oom\r\n": "ERR",
	} {
		t.Run(answer, func(t *testing.T) {
			server := startFake(t, but(map[string]string{"EVALSHA": answer}))
			failed := fails(t, open(t, server.url(), patient), hour(1, 4))
			assert.Equal(t, redis.Refused, failed.Reason)
			assert.Equal(t, detail, failed.Detail)
		})
	}
}

func TestEachErrorCodeIsDocumented(t *testing.T) {
	var pages strings.Builder
	require.NoError(t, filepath.WalkDir("../../../cmd/sessiond",
		func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".md" {
				return err
			}
			page, err := os.ReadFile(path)
			pages.Write(page)
			return err
		}))
	for _, code := range redis.Codes() {
		assert.Regexp(t, `\b`+code+"`", pages.String())
	}
}
