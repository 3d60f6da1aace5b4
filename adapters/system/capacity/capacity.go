// Package capacity reads the resource limits of this process. It imports the standard library.
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

// Capacity holds the resource limits of this process. 0 means that there is no limit, or that the
// limit is not known.
type Capacity struct {
	// Descriptors is how many files and connections may be open at once (RLIMIT_NOFILE).
	Descriptors int64
	// Memory is how many bytes of memory may be used: the lowest of GOMEMLIMIT and the limits of
	// the process's control groups.
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

// unlimitedMemory is the lowest number that means no limit in cgroup v1, which writes the largest
// multiple of the page size. It is that multiple for pages of 64 KiB.
const unlimitedMemory = math.MaxInt64 >> 16 << 16

// groupMemory returns the lowest memory limit in bytes of the control groups that this process is
// in (v2 and v1), or 0 if there is none. The limits of all groups above apply too. In a container,
// the path may be that of the host, which does not exist below the mount; the root of the mount is
// then the group of the container. read is os.ReadFile, except in tests.
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

// parseMemory returns the limit that a file of a control group contains, or 0 for "max", for a
// number that means no limit, and for any other text.
func parseMemory(content []byte) int64 {
	limit, err := strconv.ParseInt(strings.TrimSpace(string(content)), 10, 64)
	if err != nil || limit >= unlimitedMemory {
		return 0
	}
	return limit
}

// lower returns the lower of two limits, 0 being no limit.
func lower(one, other int64) int64 {
	switch {
	case one == 0:
		return other
	case other == 0:
		return one
	}
	return min(one, other)
}
