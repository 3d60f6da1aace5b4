package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// sandboxVariable holds a sandbox in JSON. A test process that has it becomes the program.
const sandboxVariable = "DEPLOY_TEST_SANDBOX"

// nonroot is the user of the image.
const nonroot = 65532

// sandbox is how a program is run.
type sandbox struct {
	Args []string
	// User runs it, if the test runs as root.
	User int
	// Root is its root folder, and Mounts are folders that it has below; "" for the machine's.
	Root   string
	Mounts map[string]string
	// Readonly makes Root and Mounts read-only. The process has a mount namespace of its own.
	Readonly bool
	// Calls are the system calls that it may use; nil for all.
	Calls []string
	// Files is how many files it may have open, if the test may have as many; 0 for no change.
	Files uint64
}

func TestMain(m *testing.M) {
	if text, ok := os.LookupEnv(sandboxVariable); ok {
		err := become(text)
		fmt.Fprintln(os.Stderr, "sandbox:", err)
		os.Exit(111)
	}
	os.Exit(m.Run())
}

// command returns a command that runs the program in the sandbox. Without root it uses a user
// namespace for what needs rights.
func (s sandbox) command(t *testing.T) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(s)
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	command := exec.Command("env", sandboxVariable+"="+string(text), self)
	if s.Root == "" {
		return command
	}
	command.SysProcAttr = &syscall.SysProcAttr{}
	if s.Readonly {
		command.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS
	}
	if os.Getuid() != 0 {
		command.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		command.SysProcAttr.UidMappings = []syscall.SysProcIDMap{
			{ContainerID: s.User, HostID: os.Getuid(), Size: 1}}
		command.SysProcAttr.GidMappings = []syscall.SysProcIDMap{
			{ContainerID: s.User, HostID: os.Getgid(), Size: 1}}
		command.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SYS_CHROOT}
	}
	return command
}

// become sets the sandbox up and executes its program. It returns only if that fails.
func become(text string) error {
	runtime.LockOSThread() // a system call filter is one of the thread that executes
	var s sandbox
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	if err := os.Unsetenv(sandboxVariable); err != nil {
		return err
	}
	if s.Root != "" {
		if err := s.enter(); err != nil {
			return err
		}
	}
	if err := s.limit(); err != nil {
		return err
	}
	return syscall.Exec(s.Args[0], s.Args, os.Environ())
}

// enter mounts what the program has, and changes the root.
func (s sandbox) enter() error {
	if s.Readonly {
		if err := s.mount(); err != nil {
			return err
		}
	}
	if err := unix.Chroot(s.Root); err != nil {
		return fmt.Errorf("chroot: %w", err)
	}
	return os.Chdir("/")
}

func (s sandbox) mount() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	places := map[string]string{s.Root: s.Root}
	for inside, folder := range s.Mounts {
		places[filepath.Join(s.Root, inside)] = folder
	}
	bind := func(place string) error {
		if err := unix.Mount(places[place], place, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount %s: %w", place, err)
		}
		err := unix.Mount("", place, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|
			unix.MS_NOSUID|unix.MS_NODEV, "")
		if err != nil {
			return fmt.Errorf("make %s read-only: %w", place, err)
		}
		return nil
	}
	if err := bind(s.Root); err != nil {
		return err
	}
	for place := range places {
		if place != s.Root {
			if err := bind(place); err != nil {
				return err
			}
		}
	}
	return nil
}

// limit gives up the rights that the program does not have.
func (s sandbox) limit() error {
	if s.Files > 0 {
		limit := &unix.Rlimit{}
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, limit); err != nil {
			return fmt.Errorf("limit of files: %w", err)
		}
		// The machine may allow the test fewer than systemd would allow the service.
		limit.Max = min(limit.Max, s.Files)
		limit.Cur = limit.Max
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, limit); err != nil {
			return fmt.Errorf("limit of files: %w", err)
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("capabilities: %w", err)
	}
	if os.Getuid() == 0 {
		for _, give := range []func() error{
			func() error { return syscall.Setgroups(nil) },
			func() error { return syscall.Setgid(s.User) },
			func() error { return syscall.Setuid(s.User) },
		} {
			if err := give(); err != nil {
				return fmt.Errorf("user: %w", err)
			}
		}
	}
	if s.Calls == nil {
		return nil
	}
	return seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Policy: seccomp.Policy{
		DefaultAction: seccomp.ActionErrno, // EPERM
		Syscalls:      []seccomp.SyscallGroup{{Action: seccomp.ActionAllow, Names: s.Calls}},
	}})
}

// publicDir returns a temporary folder that every user can enter, unlike that of testing.T.
func publicDir(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "sessiond-deploy-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	require.NoError(t, os.Chmod(folder, 0o755))
	return folder
}

// own gives a file to the user that runs the service, if the test may.
func own(t *testing.T, path string, user int) {
	t.Helper()
	if os.Getuid() == 0 {
		require.NoError(t, os.Chown(path, user, user))
	}
}
