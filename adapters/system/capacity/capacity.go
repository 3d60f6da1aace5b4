// Package capacity reads what the machine allows this process. It imports the standard library.
package capacity

import (
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
)

// Capacity is what the machine allows this process. 0 means that there is no limit, or that it is
// not known.
type Capacity struct {
	// Descriptors is how many files and connections may be open at once.
	Descriptors int64
	// Memory is how many bytes of memory may be used: the lowest limit of the process's control
	// groups and GOMEMLIMIT.
	Memory int64
}

// Read returns the capacity of this process.
func Read() Capacity {
	var c Capacity
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil && limit.Cur <= math.MaxInt64 {
		c.Descriptors = int64(limit.Cur)
	}
	c.Memory = groupMemory(os.ReadFile)
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 && limit > 0 { // -1 only queries
		c.Memory = lower(c.Memory, limit)
	}
	return c
}

// unlimitedMemory is the number from which on a limit of cgroup v1 means none: it is written as the
// largest number of whole pages.
const unlimitedMemory = math.MaxInt64 >> 16 << 16

// groupMemory returns the lowest memory limit of the control groups that this process is in (v2
// and v1), or 0 for none. A limit of any group above applies as well. In a container the path may
// be that of the host, and is then not found below the mount; the mount's root is its own group.
func groupMemory(read func(name string) ([]byte, error)) (lowest int64) {
	groups, err := read("/proc/self/cgroup")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(groups)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3) // id, controllers, path
		if len(parts) != 3 {
			continue
		}
		mount, file := "/sys/fs/cgroup", "memory.max"
		if parts[1] != "" {
			if !strings.Contains(","+parts[1]+",", ",memory,") {
				continue
			}
			mount, file = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
		}
		for group := path.Join("/", parts[2]); ; group = path.Dir(group) {
			if content, err := read(path.Join(mount, group, file)); err == nil {
				lowest = lower(lowest, parseMemory(content))
			}
			if group == "/" {
				break
			}
		}
	}
	return lowest
}

// parseMemory returns a limit as a control group writes it, or 0 for none.
func parseMemory(content []byte) int64 {
	limit, err := strconv.ParseInt(strings.TrimSpace(string(content)), 10, 64)
	if err != nil || limit >= unlimitedMemory { // "max"
		return 0
	}
	return limit
}

// lower returns the lower of two limits, of which 0 is none.
func lower(one, other int64) int64 {
	switch {
	case one == 0:
		return other
	case other == 0:
		return one
	}
	return min(one, other)
}
