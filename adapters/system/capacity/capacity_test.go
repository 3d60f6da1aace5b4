package capacity

import (
	"io/fs"
	"math"
	"os"
	"os/exec"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGroupMemoryIsTheLowestLimit(t *testing.T) {
	const mib = 1 << 20
	for name, c := range map[string]struct {
		files map[string]string
		limit int64
	}{
		"no control groups": {nil, 0},
		"v2": {map[string]string{"/proc/self/cgroup": "0::/system.slice/sessiond.service\n",
			"/sys/fs/cgroup/system.slice/sessiond.service/memory.max": "629145600\n"}, 600 * mib},
		"v2, a lower limit above": {map[string]string{"/proc/self/cgroup": "0::/a/b\n",
			"/sys/fs/cgroup/a/b/memory.max": "629145600\n",
			"/sys/fs/cgroup/a/memory.max":   "104857600\n"}, 100 * mib},
		"v2, no limit": {map[string]string{"/proc/self/cgroup": "0::/a\n",
			"/sys/fs/cgroup/a/memory.max": "max\n"}, 0},
		"v2, in a container": {map[string]string{"/proc/self/cgroup": "0::/\n",
			"/sys/fs/cgroup/memory.max": "104857600\n"}, 100 * mib},
		"v2, a path of the host": {map[string]string{"/proc/self/cgroup": "0::/../../pod/x\n",
			"/sys/fs/cgroup/memory.max": "104857600\n"}, 100 * mib},
		"v1": {map[string]string{
			"/proc/self/cgroup": "4:cpu,cpuacct:/other\n3:memory:/docker/x\n0::/\n",
			"/sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes": "104857600\n",
			"/sys/fs/cgroup/memory/memory.limit_in_bytes":          "9223372036854771712\n"},
			100 * mib},
		"v1, in a container": {map[string]string{"/proc/self/cgroup": "3:memory:/docker/x\n",
			"/sys/fs/cgroup/memory/memory.limit_in_bytes": "104857600\n"}, 100 * mib},
		"v1, no limit": {map[string]string{"/proc/self/cgroup": "3:memory:/\n",
			"/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 0},
		"unreadable": {map[string]string{"/proc/self/cgroup": "x\n0::/\n",
			"/sys/fs/cgroup/memory.max": "lots\n"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.limit, groupMemory(func(name string) ([]byte, error) {
				if content, ok := c.files[name]; ok {
					return []byte(content), nil
				}
				return nil, fs.ErrNotExist
			}))
		})
	}
}

func TestReadHeedsGOMEMLIMIT(t *testing.T) {
	before := debug.SetMemoryLimit(64 << 20)
	defer debug.SetMemoryLimit(before)
	assert.EqualValues(t, 64<<20, Read().Memory)
	debug.SetMemoryLimit(math.MaxInt64)
	assert.NotEqualValues(t, 64<<20, Read().Memory)
}

// TestReadCountsDescriptors runs itself again in a process with another limit.
func TestReadCountsDescriptors(t *testing.T) {
	if os.Getenv("CAPACITY_OF_CHILD") != "" {
		assert.EqualValues(t, 137, Read().Descriptors)
		return
	}
	child := exec.Command("sh", "-c", `ulimit -n 137 && exec "$0" "$@"`, os.Args[0],
		"-test.run=^TestReadCountsDescriptors$")
	child.Env = append(os.Environ(), "CAPACITY_OF_CHILD=yes")
	output, err := child.CombinedOutput()
	require.NoError(t, err, "%s", output)
}
