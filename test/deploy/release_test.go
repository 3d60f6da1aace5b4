package deploy

import (
	"bytes"
	"debug/elf"
	"debug/macho"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// makeRelease builds the release in a copy of the sources, in a folder of its own. The copy has no
// history, so that the version is the given one.
func makeRelease(t *testing.T) (folder string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	folder = t.TempDir()
	list := exec.CommandContext(t.Context(), "git", "-C", root, "ls-files", "-z", "--cached",
		"--others", "--exclude-standard")
	names, err := list.Output()
	require.NoError(t, err)
	for name := range bytes.SplitSeq(bytes.TrimSuffix(names, []byte{0}), []byte{0}) {
		source, target := filepath.Join(root, string(name)), filepath.Join(folder, string(name))
		content, err := os.ReadFile(source)
		if os.IsNotExist(err) { // removed, and not yet committed
			continue
		}
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(target), 0o755))
		require.NoError(t, os.WriteFile(target, content, 0o755))
	}
	tools := filepath.Join(root, ".tools")
	require.NoError(t, os.MkdirAll(tools, 0o755))
	require.NoError(t, os.Symlink(tools, filepath.Join(folder, ".tools")))
	command := exec.CommandContext(t.Context(), "make", "--no-print-directory", "-C", folder,
		"release", "VERSION=1.2.3")
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return filepath.Join(folder, ".build", "release")
}

// TestLongRelease builds the release twice, in two folders.
func TestLongRelease(t *testing.T) {
	first, second := makeRelease(t), makeRelease(t)
	assert.Equal(t, read(t, first, "SHA256SUMS"), read(t, second, "SHA256SUMS"), "built twice")
	for _, folder := range []string{first, second} {
		check := exec.CommandContext(t.Context(), "sha256sum", "--check", "--strict", "SHA256SUMS")
		check.Dir = folder
		output, err := check.CombinedOutput()
		require.NoError(t, err, "%s", output)
		assert.Equal(t, 8, strings.Count(string(output), ": OK"))
	}
	for name, machine := range map[string]elf.Machine{"linux-amd64": elf.EM_X86_64,
		"linux-arm64": elf.EM_AARCH64} {
		binary, err := elf.Open(filepath.Join(first, "sessiond-"+name))
		require.NoError(t, err)
		assert.Equal(t, machine, binary.Machine)
		libraries, err := binary.ImportedLibraries()
		require.NoError(t, err)
		assert.Empty(t, libraries, "a static binary")
		require.NoError(t, binary.Close())
	}
	for name, machine := range map[string]macho.Cpu{"darwin-amd64": macho.CpuAmd64,
		"darwin-arm64": macho.CpuArm64} {
		binary, err := macho.Open(filepath.Join(first, "sessiond-"+name))
		require.NoError(t, err)
		assert.Equal(t, machine, binary.Cpu)
		require.NoError(t, binary.Close())
	}
	for _, name := range []string{"linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64"} {
		checkBill(t, first, "sessiond-"+name)
	}
	native := "linux-amd64"
	if strings.HasPrefix(machine(t), "aarch64") {
		native = "linux-arm64"
	}
	output, err := exec.CommandContext(t.Context(), filepath.Join(first, "sessiond-"+native),
		"version").Output()
	require.NoError(t, err)
	assert.Contains(t, string(output), "sessiond 1.2.3")
}

// checkBill compares the modules in an SBOM with those that the go command finds in the binary.
func checkBill(t *testing.T, folder, name string) {
	t.Helper()
	type component struct{ Name, Version string }
	var bill struct {
		BOMFormat string `json:"bomFormat"`
		Metadata  struct{ Component component }
		// The standard library is one of them.
		Components []component
	}
	require.NoError(t, json.Unmarshal([]byte(read(t, folder, name+".cdx.json")), &bill))
	assert.Equal(t, "CycloneDX", bill.BOMFormat)
	assert.Equal(t, component{"github.com/offload/sessiond", "1.2.3"}, bill.Metadata.Component)
	listed := map[component]bool{}
	for _, one := range bill.Components {
		listed[one] = true
	}
	output, err := exec.CommandContext(t.Context(), "go", "version", "-m",
		filepath.Join(folder, name)).Output()
	require.NoError(t, err)
	modules := 0
	for line := range strings.Lines(string(output)) {
		if words := strings.Fields(line); len(words) > 2 && words[0] == "dep" {
			modules++
			assert.True(t, listed[component{words[1], words[2]}], "%s %s is not in the SBOM of %s",
				words[1], words[2], name)
		}
	}
	require.NotZero(t, modules)
	assert.Len(t, bill.Components, modules+1)
}
