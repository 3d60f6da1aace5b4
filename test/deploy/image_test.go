package deploy

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/freeport"
)

// makeImage builds the images into a folder with make image.
func makeImage(t *testing.T) (folder string) {
	t.Helper()
	folder = t.TempDir()
	command := exec.CommandContext(t.Context(), "make", "--no-print-directory", "-C", "../..",
		"image", "IMAGE="+folder, "VERSION=1.2.3+test")
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return folder
}

// images returns the images of the OCI layout, by architecture.
func images(t *testing.T, folder string) map[string]v1.Image {
	t.Helper()
	path, err := layout.FromPath(filepath.Join(folder, "oci"))
	require.NoError(t, err)
	top, err := path.ImageIndex()
	require.NoError(t, err)
	outer, err := top.IndexManifest()
	require.NoError(t, err)
	require.Len(t, outer.Manifests, 1)
	assert.Equal(t, "1.2.3_test",
		outer.Manifests[0].Annotations["org.opencontainers.image.ref.name"])
	index, err := top.ImageIndex(outer.Manifests[0].Digest)
	require.NoError(t, err)
	inner, err := index.IndexManifest()
	require.NoError(t, err)
	found := map[string]v1.Image{}
	for _, manifest := range inner.Manifests {
		assert.Equal(t, "linux", manifest.Platform.OS)
		image, err := index.Image(manifest.Digest)
		require.NoError(t, err)
		found[manifest.Platform.Architecture] = image
	}
	return found
}

// TestLongImage builds the images twice and runs one of them.
func TestLongImage(t *testing.T) {
	first, second := makeImage(t), makeImage(t)
	built, again := images(t, first), images(t, second)
	require.Len(t, built, 2)
	for architecture, image := range built {
		digest, err := image.Digest()
		require.NoError(t, err)
		repeated, err := again[architecture].Digest()
		require.NoError(t, err)
		assert.Equal(t, digest, repeated, "built twice")
		archive := "sessiond-linux-" + architecture + ".tar"
		assert.Equal(t, read(t, first, archive), read(t, second, archive), "built twice")

		docker, err := tarball.ImageFromPath(filepath.Join(first, archive), nil)
		require.NoError(t, err)
		config, err := image.ConfigName()
		require.NoError(t, err)
		archived, err := docker.ConfigName()
		require.NoError(t, err)
		assert.Equal(t, config, archived, "the archive holds another image than the layout")
	}
	image := built["amd64"]
	if strings.HasPrefix(machine(t), "aarch64") {
		image = built["arm64"]
	}
	config, err := image.ConfigFile()
	require.NoError(t, err)
	t.Run("Dockerfile", func(t *testing.T) { compareDockerfile(t, config.Config) })
	root := unpack(t, image)
	for _, way := range ways(t, root) {
		t.Run("serves "+way.name, func(t *testing.T) { serveImage(t, way, config.Config) })
	}
}

func read(t *testing.T, folder, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, name))
	require.NoError(t, err)
	return string(text)
}

func machine(t *testing.T) string {
	t.Helper()
	name, err := exec.Command("uname", "-m").Output()
	require.NoError(t, err)
	return string(name)
}

// unpack writes the files of an image to a folder, and checks that there is nothing in it that the
// service could write, and no more than the service needs.
func unpack(t *testing.T, image v1.Image) (root string) {
	t.Helper()
	root = filepath.Join(publicDir(t), "root")
	require.NoError(t, os.Mkdir(root, 0o755))
	stream := mutate.Extract(image)
	defer func() { _ = stream.Close() }()
	var files []string
	for archive := tar.NewReader(stream); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		assert.Zero(t, header.Uid+header.Gid, header.Name)
		assert.Zero(t, header.Mode&0o022, "%s can be written by others than root", header.Name)
		path := filepath.Join(root, filepath.FromSlash(header.Name))
		if header.Typeflag == tar.TypeDir {
			require.NoError(t, os.MkdirAll(path, fs.FileMode(header.Mode)))
			continue
		}
		require.EqualValues(t, tar.TypeReg, header.Typeflag, header.Name)
		files = append(files, header.Name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		content, err := io.ReadAll(archive)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, content, fs.FileMode(header.Mode)))
	}
	assert.ElementsMatch(t, []string{"usr/local/bin/sessiond",
		"etc/ssl/certs/ca-certificates.crt"}, files)
	return root
}

// way is how the image can be run on this machine.
type way struct {
	name string
	sandbox
	// files is the folder of the image's files as the process sees it, and keyset its keyset.
	files, keyset string
}

// ways returns the ways to run an image that this machine allows: a read-only root needs mounts,
// another root needs rights or user namespaces. The last way is possible everywhere.
func ways(t *testing.T, root string) []way {
	t.Helper()
	const inside = "/etc/sessiond/keyset.json"
	keyset := filepath.Join(filepath.Dir(root), "keyset")
	require.NoError(t, os.Mkdir(keyset, 0o700))
	own(t, keyset, nonroot)
	file := filepath.Join(keyset, "keyset.json")
	require.NoError(t, os.WriteFile(file, createKeyset(t), 0o400))
	own(t, file, nonroot)
	// What a container runtime makes for its mounts.
	for _, place := range []string{"etc/sessiond", "proc"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, place), 0o755))
	}
	mounted := sandbox{User: nonroot, Root: root, Readonly: true,
		Mounts: map[string]string{"/etc/sessiond": keyset, "/proc": "/proc"}}
	probe := mounted
	probe.Args = []string{"/usr/local/bin/sessiond", "version"}
	command := probe.command(t)
	output, err := command.CombinedOutput()
	if err == nil {
		return []way{{"on a read-only root, in namespaces", mounted, "/", inside}}
	}
	t.Logf("this machine allows no mounts: %v: %s", err, output)
	plain := sandbox{User: nonroot}
	if os.Getuid() == 0 {
		plain.Root, plain.Readonly = root, false
		copied := filepath.Join(root, inside)
		require.NoError(t, os.WriteFile(copied, createKeyset(t), 0o400))
		own(t, copied, nonroot)
		return []way{{"in a root that belongs to another user", plain, "/", inside}}
	}
	return []way{{"unpacked, as the user of the test", plain, root, file}}
}

// serveImage runs the image as its configuration says: its user, environment, entry point, health
// check and signal.
func serveImage(t *testing.T, s way, config v1.Config) {
	t.Helper()
	require.Equal(t, "65532:65532", config.User)
	env := harness.Env{"OFFLOAD_SESSION_KEYSET_FILE": s.keyset,
		"OFFLOAD_HTTP_ADDR": ":0", "OFFLOAD_OPS_ADDR": freeport.Address(t, "127.0.0.1")}
	for _, line := range config.Env {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
	}
	assert.Equal(t, "production", env["OFFLOAD_ENVIRONMENT"])
	s.Args = []string{filepath.Join(s.files, config.Entrypoint[0])}
	process := harness.StartCommand(t, env, s.command(t))
	health := func() error {
		asking := s
		require.Equal(t, "CMD", config.Healthcheck.Test[0])
		asking.Args = append([]string{filepath.Join(s.files, config.Healthcheck.Test[1])},
			config.Healthcheck.Test[2:]...)
		command := asking.command(t)
		command.Env = append(os.Environ(), "OFFLOAD_OPS_ADDR="+env["OFFLOAD_OPS_ADDR"])
		return command.Run()
	}
	require.NoError(t, health())
	process.RequireHealthy(t)
	process.Issue(t, "install-12345")
	status := read(t, "/proc", filepath.Join(strconv.Itoa(process.Pid()), "status"))
	if os.Getuid() == 0 {
		assert.Regexp(t, `(?m)^Uid:\t65532\t65532\t65532\t65532$`, status)
		assert.Regexp(t, `(?m)^Gid:\t65532\t65532\t65532\t65532$`, status)
		assert.Regexp(t, `(?m)^CapEff:\t0+$`, status)
	}
	if s.Readonly {
		mounts := read(t, "/proc", filepath.Join(strconv.Itoa(process.Pid()), "mounts"))
		assert.Regexp(t, regexp.MustCompile(`(?m)^\S+ / \S+ ro,`), mounts)
	}
	require.Equal(t, "SIGTERM", config.StopSignal)
	process.Signal(t, syscall.SIGTERM)
	assert.Zero(t, process.Wait(t))
	require.Error(t, health(), "nothing answers any more")
}
