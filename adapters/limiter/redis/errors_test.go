package redis_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/redis"
)

// TestCodes has a server answer errors: of its words nothing is told but a code that Redis knows.
func TestCodes(t *testing.T) {
	for answer, detail := range map[string]string{
		"-OOM command not allowed\r\n": "OOM", "-NOPERM\r\n": "NOPERM",
		"!9\r\nMISCONF a\r\n":                    "MISCONF",
		"-ERR max number of clients reached\r\n": "ERR", "-SECRETPASSWORD unknown user\r\n": "ERR",
		"-ERR SECRETPASSWORD\r\n": "ERR", "-OOMS\r\n": "ERR",
		"-\r\n": "ERR", "-oom\r\n": "ERR",
	} {
		t.Run(answer, func(t *testing.T) {
			failed := fails(t, open(t, startFake(t,
				but(map[string]string{"EVALSHA": answer})).url(), patient), hour(1, 4))
			assert.Equal(t, redis.Refused, failed.Reason)
			assert.Equal(t, detail, failed.Detail)
		})
	}
}

func TestOperatorsFindEachCode(t *testing.T) {
	page, err := os.ReadFile("../../../cmd/sessiond/docs/limits.md")
	require.NoError(t, err)
	for _, code := range redis.Codes() {
		assert.Regexp(t, `\b`+code+"`", string(page))
	}
}
