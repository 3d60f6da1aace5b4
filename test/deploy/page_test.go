package deploy

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

const pages = "../../cmd/sessiond/docs/"

// commands returns the commands of the first block of a section of deploy.md.
func commands(t *testing.T, heading string) []string {
	t.Helper()
	text, err := os.ReadFile(pages + "deploy.md")
	require.NoError(t, err)
	block := regexp.MustCompile(`(?s)\n## ` + regexp.QuoteMeta(heading) + "\n.*?```console\n(.*?)```").
		FindStringSubmatch(string(text))
	require.NotNil(t, block, heading)
	var list []string
	prompt := regexp.MustCompile(`(?m)^[$#] (.*)$`)
	for _, command := range prompt.FindAllStringSubmatch(block[1], -1) {
		list = append(list, command[1])
	}
	return list
}

// followed is what the commands of a section left behind.
type followed struct {
	home, srv string
	calls     []string // of the tools that stand in for those that the test does not run
}

// follow runs the commands of a section as they are written, in a copy of the examples in place of
// a checkout. Tools of containers and clusters are called and do nothing, and no owner is changed.
// It fails if a file was created in the checkout, or can be read by another user.
func follow(t *testing.T, heading string) followed {
	t.Helper()
	folder := t.TempDir()
	f := followed{home: filepath.Join(folder, "home"), srv: filepath.Join(folder, "srv")}
	bin, checkout := filepath.Join(folder, "bin"), filepath.Join(folder, "checkout")
	for _, path := range []string{f.home, f.srv, bin} {
		require.NoError(t, os.Mkdir(path, 0o755))
	}
	require.NoError(t, os.CopyFS(filepath.Join(checkout, "cmd", "sessiond", "deploy"), os.DirFS(examples)))
	before := files(t, checkout)
	log := filepath.Join(folder, "calls")
	for _, tool := range []string{"make", "docker", "kubectl"} {
		require.NoError(t, os.WriteFile(filepath.Join(bin, tool),
			[]byte("#!/bin/sh\necho \"${0##*/} $*\" >>"+log+"\n"), 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(bin, "sudo"),
		[]byte("#!/bin/sh\n[ \"$1\" = chown ] || exec \"$@\"\n"), 0o755))
	require.NoError(t, os.Symlink(harness.Binary(t), filepath.Join(bin, "sessiond")))

	ctx, cancel := context.WithTimeout(t.Context(), harness.Timeout)
	defer cancel()
	script := strings.ReplaceAll(strings.Join(commands(t, heading), "\n"), "/srv/", f.srv+"/")
	user, err := exec.Command("id", "-un").Output()
	require.NoError(t, err)
	shell := exec.CommandContext(ctx, "bash", "-e", "-c", script)
	shell.Dir = checkout
	shell.Env = []string{"HOME=" + f.home, "USER=" + strings.TrimSpace(string(user)),
		"PATH=" + bin + ":" + os.Getenv("PATH")}
	output, err := shell.CombinedOutput()
	require.NoError(t, ctx.Err(), "the commands did not end")
	require.NoError(t, err, "%s\n%s", script, output)

	assert.Equal(t, before, files(t, checkout), "nothing is created in the checkout")
	for _, root := range []string{f.home, f.srv} {
		for _, path := range files(t, root) {
			stat, err := os.Stat(filepath.Join(root, path))
			require.NoError(t, err)
			if base := filepath.Base(path); base != "compose.yaml" && base != "sessiond.acl" {
				assert.Zero(t, stat.Mode().Perm()&0o077, "%s: %s", path, stat.Mode())
			}
		}
	}
	text, err := os.ReadFile(log)
	require.NoError(t, err)
	f.calls = strings.Split(strings.TrimSpace(string(text)), "\n")
	return f
}

// files returns the files below a folder.
func files(t *testing.T, root string) []string {
	t.Helper()
	var found []string
	require.NoError(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, _ := filepath.Rel(root, path)
			found = append(found, name)
		}
		return err
	}))
	return found
}

// assertIgnored fails if git would take a file of that name, anywhere in a checkout, into a commit.
func assertIgnored(t *testing.T, name string) {
	t.Helper()
	folder := t.TempDir()
	text, err := os.ReadFile("../../.gitignore")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, ".gitignore"), text, 0o644))
	for _, args := range [][]string{{"init", "--quiet"}, {"check-ignore", "--quiet", name},
		{"check-ignore", "--quiet", filepath.Join("cmd", "sessiond", "deploy", "compose", name)}} {
		output, err := exec.Command("git", append([]string{"-C", folder}, args...)...).CombinedOutput()
		require.NoError(t, err, "%s: git %v: %s", name, args, output)
	}
}

// TestRedisUserHasTheRightsOfThePage compares the file with the page on limits.
func TestRedisUserHasTheRightsOfThePage(t *testing.T) {
	text, err := os.ReadFile(examples + "redis/sessiond.acl")
	require.NoError(t, err)
	page, err := os.ReadFile(pages + "limits.md")
	require.NoError(t, err)
	rights := regexp.MustCompile(`(?m)^ACL SETUSER (sessiond .*~sessiond:.*)$`).
		FindStringSubmatch(string(page))
	require.NotNil(t, rights)
	assert.Equal(t, "user default on nopass resetkeys resetchannels -@all +ping\nuser "+rights[1]+"\n",
		string(text))
}
