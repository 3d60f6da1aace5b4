package keyset

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/system/securefile"
	"github.com/offload/sessiond/domain/keys"
)

// reasons returns the reasons of an error, which is Faults or nil.
func reasons(t *testing.T, err error) []securefile.Reason {
	t.Helper()
	if err == nil {
		return nil
	}
	var faults Faults
	require.ErrorAs(t, err, &faults)
	var reasons []securefile.Reason
	for _, fault := range faults {
		assert.NotEmpty(t, fault.Remedy)
		reasons = append(reasons, fault.Reason)
	}
	return reasons
}

func TestReadsValidFile(t *testing.T) {
	dir := sharedDir(t)
	write(t, filepath.Join(dir, "keyset.json"), keysetText(t, "a", "b"), 0o600)
	require.NoError(t, os.Symlink("keyset.json", filepath.Join(dir, "link")))
	require.NoError(t, os.Symlink(dir, filepath.Join(dir, "self")))
	for _, name := range []string{"keyset.json", "link", "self/self/link"} {
		t.Run(name, func(t *testing.T) {
			keyring, err := Read(filepath.Join(dir, name), Rules{Production: true}, noon)
			require.NoError(t, err)
			assert.Equal(t, []string{"a", "b"}, idsOf(keyring))
		})
	}
}

func TestRefusesInvalidFiles(t *testing.T) {
	dir := sharedDir(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	valid := keysetText(t, "a")
	require.NoError(t, os.Mkdir(at("directory"), 0o700))
	require.NoError(t, syscall.Mkfifo(at("pipe"), 0o600))
	require.NoError(t, os.Symlink("pipe", at("link to pipe")))
	require.NoError(t, os.Symlink("round", at("round")))
	require.NoError(t, os.Symlink("nowhere", at("dangling")))
	write(t, at("valid"), valid, 0o600)
	write(t, at("empty"), "", 0o600)
	write(t, at("truncated"), valid[:len(valid)/2], 0o600)
	write(t, at("maximum size"), valid+strings.Repeat(" ", keys.MaxSetBytes-len(valid)),
		0o600)
	write(t, at("too large"), valid+strings.Repeat(" ", keys.MaxSetBytes-len(valid)+1), 0o600)
	write(t, at("no keys"), `{"keys":[]}`, 0o600)
	for name, want := range map[string][]securefile.Reason{
		"valid":          nil,
		"maximum size":   nil,
		"too large":      {securefile.TooLarge},
		"nothing":        {securefile.Missing},
		"dangling":       {securefile.Missing},
		"no/such/folder": {securefile.Missing},
		"valid/below":    {securefile.Unreadable},
		"round":          {securefile.Unreadable},
		"directory":      {securefile.NotRegular},
		"pipe":           {securefile.NotRegular},
		"link to pipe":   {securefile.NotRegular},
		"empty":          {ReasonMalformed},
		"truncated":      {ReasonMalformed},
		"no keys":        {ReasonMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(at(name), Rules{}, noon)
			assert.Equal(t, want, reasons(t, err))
			_, err = Load(at(name))
			assert.Equal(t, want, reasons(t, err))
		})
	}
	for _, name := range []string{"/dev/zero", "/dev/tty", "/dev/null", "/"} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(name, Rules{}, noon)
			assert.Equal(t, []securefile.Reason{securefile.NotRegular}, reasons(t, err))
		})
	}
}

func TestReadChecksModeInProduction(t *testing.T) {
	name := filepath.Join(sharedDir(t), "keyset.json")
	require.NoError(t, os.Symlink("keyset.json", name+".link"))
	refused := map[os.FileMode]bool{
		0o400: false, 0o600: false, 0o440: false, 0o640: false, 0o700: false, 0o750: false,
		0o611: false,
		0o660: true, 0o620: true, 0o604: true, 0o644: true, 0o602: true, 0o606: true, 0o664: true,
		0o666: true, 0o777: true, 0o444: true,
	}
	for mode, refused := range refused {
		t.Run(fmt.Sprintf("%04o", mode), func(t *testing.T) {
			require.NoError(t, os.RemoveAll(name))
			write(t, name, keysetText(t, "a"), mode)
			for _, name := range []string{name, name + ".link"} {
				_, err := Read(name, Rules{Production: true}, noon)
				if refused {
					assert.Equal(t, []securefile.Reason{securefile.Exposed}, reasons(t, err))
				} else {
					assert.NoError(t, err)
				}
				_, err = Read(name, Rules{}, noon)
				assert.NoError(t, err, "in development any mode is accepted")
			}
		})
	}
}

func TestReadReportsMissingPermission(t *testing.T) {
	if rerunUnprivileged(t) {
		return
	}
	dir := sharedDir(t)
	write(t, filepath.Join(dir, "unreadable"), keysetText(t, "a"), 0)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "closed"), 0o700))
	write(t, filepath.Join(dir, "closed", "keyset.json"), keysetText(t, "a"), 0o600)
	require.NoError(t, os.Chmod(filepath.Join(dir, "closed"), 0))
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, "closed"), 0o700) })
	for _, name := range []string{"unreadable", "closed/keyset.json"} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(filepath.Join(dir, name), Rules{Production: true}, noon)
			assert.Equal(t, []securefile.Reason{securefile.Forbidden}, reasons(t, err))
			assert.EqualError(t, err,
				"keyset file: may not be read by this process (permission denied)")
		})
	}
}

// TestReadsSystemdCredential reads a credential as LoadCredential provides it: owned by the
// service's user, read-only, in a read-only directory.
func TestReadsSystemdCredential(t *testing.T) {
	if rerunUnprivileged(t) {
		return
	}
	dir := filepath.Join(sharedDir(t), "sessiond.service")
	require.NoError(t, os.Mkdir(dir, 0o700))
	write(t, filepath.Join(dir, "keyset"), keysetText(t, "a"), 0o400)
	require.NoError(t, os.Chmod(dir, 0o500))
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	_, err := Read(filepath.Join(dir, "keyset"), Rules{Production: true}, noon)
	assert.NoError(t, err)
}

// kubernetesVolume lays out a secret volume: the file is a link through ..data to a directory with
// one version. It returns the file's path, and a function that puts another version in place as the
// kubelet does.
func kubernetesVolume(t *testing.T, mount string, group int, mode os.FileMode) (path string,
	swap func(text string)) {
	t.Helper()
	version := 0
	put := func(text string) {
		old, _ := os.Readlink(filepath.Join(mount, "..data"))
		version++
		name := fmt.Sprintf("..2026_02_16_12_00_%02d.123456789", version)
		require.NoError(t, os.Mkdir(filepath.Join(mount, name), 0o755))
		file := filepath.Join(mount, name, "keyset.json")
		write(t, file, text, 0o600)
		if os.Getuid() == 0 {
			require.NoError(t, os.Chown(file, 0, group))
		}
		require.NoError(t, os.Chmod(file, mode))
		link(t, name, filepath.Join(mount, "..data"))
		if old != "" {
			require.NoError(t, os.RemoveAll(filepath.Join(mount, old)))
		}
	}
	put(keysetText(t, "first"))
	path = filepath.Join(mount, "keyset.json")
	require.NoError(t, os.Symlink("..data/keyset.json", path))
	return path, put
}

// TestReadsKubernetesSecretVolume reads a volume as fsGroup sets it up: owned by root, readable for
// a group that the service's user is in.
func TestReadsKubernetesSecretVolume(t *testing.T) {
	path, swap := kubernetesVolume(t, sharedDir(t), otherGroup, 0o440)
	var user, stranger identity
	if os.Getuid() == 0 {
		user, stranger = identity{otherUser, otherGroup}, identity{otherUser, otherUser}
	}
	text, ok := output(t, roleCommand(t, user, "read", path))
	assert.True(t, ok, text)
	if stranger.user != 0 {
		text, _ = output(t, roleCommand(t, stranger, "read", path))
		assert.Equal(t, "keyset file: may not be read by this process (permission denied)", text)
	}
	swap(keysetText(t, "second"))
	text, ok = output(t, roleCommand(t, user, "read", path))
	assert.True(t, ok, text)
}

func TestReadChecksRulesAndClock(t *testing.T) {
	name := filepath.Join(sharedDir(t), "keyset.json")
	plans := map[string][]keys.Plan{
		"one signs":          {{SignFrom: noon.Add(-time.Hour)}},
		"one signs from now": {{SignFrom: noon}},
		"one will sign":      {{SignFrom: noon.Add(time.Hour)}},
		"one will sign, one has expired": {{SignFrom: noon.Add(time.Hour)},
			{SignFrom: noon.Add(-time.Hour), VerifyUntil: noon}},
		"all are revoked": {{SignFrom: noon.Add(-time.Hour), Revoked: true},
			{SignFrom: noon.Add(time.Hour), Revoked: true}},
		"all have expired": {{SignFrom: noon.Add(-time.Hour), VerifyUntil: noon}},
		"one expired, one revoked": {{SignFrom: noon.Add(-time.Hour), VerifyUntil: noon},
			{SignFrom: noon, Revoked: true}},
	}
	refused := errors.New("too weak")
	for description, plans := range plans {
		t.Run(description, func(t *testing.T) {
			var all []keys.Key
			for i, plan := range plans {
				all = append(all, testKey(fmt.Sprint("key-", i), noon).WithPlan(plan))
			}
			keyring, err := keys.NewKeyring(all...)
			require.NoError(t, err)
			write(t, name, keys.FormatSet(keyring), 0o600)
			var want []securefile.Reason
			if !strings.HasPrefix(description, "one will") &&
				!strings.HasPrefix(description, "one signs") {
				want = []securefile.Reason{ReasonNoSigner}
			}
			var checked []string
			accept := func(all []keys.Placed) error { checked = idsOfPlaced(all); return nil }
			read, err := Read(name, Rules{Accept: accept}, noon)
			assert.Equal(t, want, reasons(t, err))
			assert.Equal(t, idsOf(keyring), checked)
			assert.Equal(t, want != nil, read == nil)
			_, err = Read(name, Rules{Accept: func([]keys.Placed) error { return refused }}, noon)
			assert.Equal(t, append([]securefile.Reason{ReasonRefused}, want...), reasons(t, err))
			assert.ErrorIs(t, err, refused)
			_, err = Load(name)
			assert.NoError(t, err, "Load does not check the rules")
		})
	}
}

// TestReadReportsEveryFault reads files with several faults, and checks that all are reported and
// that the error contains no material.
func TestReadReportsEveryFault(t *testing.T) {
	name := filepath.Join(sharedDir(t), "keyset.json")
	write(t, name, `{"keys":[
		{"kty":"oct","alg":"HS512","kid":"one","k":"bWF0ZXJpYWwtbWF0ZXJpYWwtbWF0ZXJpYWw","sign_from":"yesterday"},
		{"kty":"oct","alg":"HS256","kid":"two","k":"bWF0ZXJpYWwtbWF0ZXJpYWwtbWF0ZXJpYWw=","sign_from":"2026-02-16T12:00:00Z","revokd":true}]}`, 0o644)
	_, err := Read(name, Rules{Production: true}, noon)
	assert.Equal(t, []securefile.Reason{securefile.Exposed, ReasonMalformed}, reasons(t, err))
	var faults keys.SetFaults
	require.ErrorAs(t, err, &faults)
	for _, want := range []string{"by others", "(one): alg", "(one): sign_from", "(two): k",
		"(two): has a member"} {
		assert.ErrorContains(t, err, want)
	}
	for _, leak := range []string{"bWF0", "yesterday", "material", name} {
		assert.NotContains(t, err.Error(), leak)
	}

	write(t, name, keys.FormatSet(newKeyring(t,
		testKey("a", noon).WithPlan(keys.Plan{SignFrom: noon, Revoked: true}))), 0o602)
	_, err = Read(name, Rules{Production: true, Accept: func([]keys.Placed) error {
		return errors.New("weak")
	}}, noon)
	assert.EqualError(t, err,
		"keyset file: may be read or written by others, or written by its group; "+
			"holds keys that are refused: weak; holds no key that can sign, now or later")
}

// idsOfPlaced returns the ids of keys.
func idsOfPlaced(all []keys.Placed) []string {
	var ids []string
	for _, key := range all {
		ids = append(ids, string(key.ID()))
	}
	return ids
}

// newKeyring returns a keyring of valid keys.
func newKeyring(t *testing.T, all ...keys.Key) *keys.Keyring {
	t.Helper()
	keyring, err := keys.NewKeyring(all...)
	require.NoError(t, err)
	return keyring
}

func TestReadLeaksNoDescriptors(t *testing.T) {
	dir := sharedDir(t)
	write(t, filepath.Join(dir, "valid"), keysetText(t, "a"), 0o600)
	write(t, filepath.Join(dir, "truncated"), "{", 0o600)
	before := descriptors(t)
	for _, name := range []string{"valid", "truncated", "missing", "."} {
		_, _ = Read(filepath.Join(dir, name), Rules{}, noon)
	}
	assert.Equal(t, before, descriptors(t))
}

func TestEveryProblemHasText(t *testing.T) {
	seen := map[string]bool{}
	for problem := ProblemBusy; problem <= ProblemUnsynced; problem++ {
		seen[problem.String()] = true
	}
	assert.Len(t, seen, int(ProblemUnsynced)+1)
	assert.NotContains(t, seen, WriteProblem(99).String())
}
