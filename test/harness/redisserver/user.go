package redisserver

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Password is the password of the user that AddUser creates. No output may contain it.
const Password = "a-password-for-redis"

// documentedUser matches the command with which the documentation creates the service's user.
var documentedUser = regexp.MustCompile(`(?m)^ACL SETUSER sessiond .*~sessiond:.*$`)

// AddUser creates the user that limits.md gives the service, with only the permissions that it
// names, and returns the URL of database 0 for it. A server that was restarted has no such user.
func (s *Server) AddUser(t testing.TB) (url string) {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	page, err := os.ReadFile(filepath.Join(filepath.Dir(here), "..", "..", "..", "cmd", "sessiond",
		"docs", "limits.md"))
	require.NoError(t, err)
	command := documentedUser.FindString(string(page))
	require.NotEmpty(t, command, "limits.md shows no command that creates the service's user")
	s.Do(t, strings.Fields(strings.Replace(command, ">PASSWORD", ">"+Password, 1))...)
	return "redis://sessiond:" + Password + "@" + s.Addr()
}
