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

	"github.com/offload/sessiond/domain/keys"
)

// reasons are those of an error, which is Faults or nil.
func reasons(t *testing.T, err error) []Reason {
	t.Helper()
	if err == nil {
		return nil
	}
	var faults Faults
	require.ErrorAs(t, err, &faults)
	var reasons []Reason
	for _, fault := range faults {
		reasons = append(reasons, fault.Reason)
	}
	return reasons
}

func TestASoundFileIsRead(t *testing.T) {
	folder := sharedFolder(t)
	write(t, filepath.Join(folder, "keyset.json"), textOf(t, "a", "b"), 0o600)
	require.NoError(t, os.Symlink("keyset.json", filepath.Join(folder, "link")))
	require.NoError(t, os.Symlink(folder, filepath.Join(folder, "self")))
	for _, name := range []string{"keyset.json", "link", "self/self/link"} {
		t.Run(name, func(t *testing.T) {
			keyring, err := Read(filepath.Join(folder, name), Rules{Production: true}, noon)
			require.NoError(t, err)
			assert.Equal(t, []string{"a", "b"}, idsOf(keyring))
		})
	}
}

func TestWhatIsNoKeysetFile(t *testing.T) {
	folder := sharedFolder(t)
	at := func(name string) string { return filepath.Join(folder, name) }
	sound := textOf(t, "a")
	require.NoError(t, os.Mkdir(at("folder"), 0o700))
	require.NoError(t, syscall.Mkfifo(at("pipe"), 0o600))
	require.NoError(t, os.Symlink("pipe", at("link to pipe")))
	require.NoError(t, os.Symlink("round", at("round")))
	require.NoError(t, os.Symlink("nowhere", at("dangling")))
	write(t, at("sound"), sound, 0o600)
	write(t, at("empty"), "", 0o600)
	write(t, at("torn"), sound[:len(sound)/2], 0o600)
	write(t, at("as large as can be"), sound+strings.Repeat(" ", keys.MaxSetBytes-len(sound)),
		0o600)
	write(t, at("too large"), sound+strings.Repeat(" ", keys.MaxSetBytes-len(sound)+1), 0o600)
	write(t, at("no keys"), `{"keys":[]}`, 0o600)
	for name, want := range map[string][]Reason{
		"sound":              nil,
		"as large as can be": nil,
		"too large":          {ReasonTooLarge},
		"nothing":            {ReasonMissing},
		"dangling":           {ReasonMissing},
		"no/such/folder":     {ReasonMissing},
		"sound/below":        {ReasonUnreadable},
		"round":              {ReasonUnreadable},
		"folder":             {ReasonNotRegular},
		"pipe":               {ReasonNotRegular},
		"link to pipe":       {ReasonNotRegular},
		"empty":              {ReasonMalformed},
		"torn":               {ReasonMalformed},
		"no keys":            {ReasonMalformed},
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
			assert.Equal(t, []Reason{ReasonNotRegular}, reasons(t, err))
		})
	}
}

// swapped is a place in which a name stands for another thing when it is opened than when it was
// looked at.
type swapped struct{ anywhere }

func (swapped) OpenFile(name string, flag int, mode os.FileMode) (*os.File, error) {
	return os.OpenFile(name+".other", flag, mode)
}

func TestAPipeInThePlaceOfAFileIsNotWaitedFor(t *testing.T) {
	name := filepath.Join(sharedFolder(t), "keyset.json")
	write(t, name, textOf(t, "a"), 0o600)
	require.NoError(t, syscall.Mkfifo(name+".other", 0o600))
	before := descriptors(t)
	_, _, fault := open(swapped{}, name)
	require.NotNil(t, fault)
	assert.Equal(t, ReasonNotRegular, fault.Reason)
	assert.Equal(t, before, descriptors(t))
}

func TestTheModeThatCountsIsThatOfTheFileThatWasOpened(t *testing.T) {
	name := filepath.Join(sharedFolder(t), "keyset.json")
	write(t, name, textOf(t, "a"), 0o600)
	write(t, name+".other", textOf(t, "a"), 0o604)
	file, stat, fault := open(swapped{}, name)
	require.Nil(t, fault)
	require.NoError(t, file.Close())
	assert.True(t, exposed(stat.Mode()))
}

func TestModesInAProductionLikeEnvironment(t *testing.T) {
	name := filepath.Join(sharedFolder(t), "keyset.json")
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
			write(t, name, textOf(t, "a"), mode)
			for _, name := range []string{name, name + ".link"} {
				_, err := Read(name, Rules{Production: true}, noon)
				if refused {
					assert.Equal(t, []Reason{ReasonExposed}, reasons(t, err))
				} else {
					assert.NoError(t, err)
				}
				_, err = Read(name, Rules{}, noon)
				assert.NoError(t, err, "in development any mode will do")
			}
		})
	}
}

func TestAUserWhoMayNotReadIsTold(t *testing.T) {
	if elsewhere(t) {
		return
	}
	folder := sharedFolder(t)
	write(t, filepath.Join(folder, "unreadable"), textOf(t, "a"), 0)
	require.NoError(t, os.Mkdir(filepath.Join(folder, "closed"), 0o700))
	write(t, filepath.Join(folder, "closed", "keyset.json"), textOf(t, "a"), 0o600)
	require.NoError(t, os.Chmod(filepath.Join(folder, "closed"), 0))
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(folder, "closed"), 0o700) })
	for _, name := range []string{"unreadable", "closed/keyset.json"} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(filepath.Join(folder, name), Rules{Production: true}, noon)
			assert.Equal(t, []Reason{ReasonUnreadable}, reasons(t, err))
			assert.ErrorIs(t, err, os.ErrPermission)
			assert.EqualError(t, err, "keyset file: cannot be read: permission denied")
		})
	}
}

// TestWhatSystemdMakes has a credential as LoadCredential leaves it: the service user's own,
// read-only, in a read-only folder.
func TestWhatSystemdMakes(t *testing.T) {
	if elsewhere(t) {
		return
	}
	folder := filepath.Join(sharedFolder(t), "sessiond.service")
	require.NoError(t, os.Mkdir(folder, 0o700))
	write(t, filepath.Join(folder, "keyset"), textOf(t, "a"), 0o400)
	require.NoError(t, os.Chmod(folder, 0o500))
	t.Cleanup(func() { _ = os.Chmod(folder, 0o700) })
	_, err := Read(filepath.Join(folder, "keyset"), Rules{Production: true}, noon)
	assert.NoError(t, err)
}

// kubernetes lays a secret volume out: the file is a link through ..data to a folder of one
// version. It returns the file's path, and what puts another version in place as the kubelet does.
func kubernetes(t *testing.T, mount string, group int, mode os.FileMode) (path string,
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
	put(textOf(t, "first"))
	path = filepath.Join(mount, "keyset.json")
	require.NoError(t, os.Symlink("..data/keyset.json", path))
	return path, put
}

// TestWhatKubernetesMakes has a volume as fsGroup leaves it: root's, readable for a group that the
// service's user is in.
func TestWhatKubernetesMakes(t *testing.T) {
	path, swap := kubernetes(t, sharedFolder(t), otherGroup, 0o440)
	var user, stranger as
	if os.Getuid() == 0 {
		user, stranger = as{otherUser, otherGroup}, as{otherUser, otherUser}
	}
	text, well := output(t, play(t, user, "read", path))
	assert.True(t, well, text)
	if stranger.user != 0 {
		text, _ = output(t, play(t, stranger, "read", path))
		assert.Equal(t, "keyset file: cannot be read: permission denied", text)
	}
	swap(textOf(t, "second"))
	text, well = output(t, play(t, user, "read", path))
	assert.True(t, well, text)
}

func TestKeysAreJudgedByTheRulesAndTheClock(t *testing.T) {
	name := filepath.Join(sharedFolder(t), "keyset.json")
	plans := map[string][]keys.Plan{
		"one signs":          {{SignFrom: noon.Add(-time.Hour)}},
		"one signs from now": {{SignFrom: noon}},
		"one will sign":      {{SignFrom: noon.Add(time.Hour)}},
		"one will, one has": {{SignFrom: noon.Add(time.Hour)},
			{SignFrom: noon.Add(-time.Hour), VerifyUntil: noon}},
		"all are revoked": {{SignFrom: noon.Add(-time.Hour), Revoked: true},
			{SignFrom: noon.Add(time.Hour), Revoked: true}},
		"all have ended": {{SignFrom: noon.Add(-time.Hour), VerifyUntil: noon}},
		"one ended, one revoked": {{SignFrom: noon.Add(-time.Hour), VerifyUntil: noon},
			{SignFrom: noon, Revoked: true}},
	}
	refused := errors.New("too weak")
	for name2, plans := range plans {
		t.Run(name2, func(t *testing.T) {
			var all []keys.Key
			for i, plan := range plans {
				all = append(all, testKey(fmt.Sprint("key-", i), noon).WithPlan(plan))
			}
			keyring, err := keys.NewKeyring(all...)
			require.NoError(t, err)
			write(t, name, keys.FormatSet(keyring), 0o600)
			var want []Reason
			if !strings.HasPrefix(name2, "one will") && !strings.HasPrefix(name2, "one signs") {
				want = []Reason{ReasonNoSigner}
			}
			var asked *keys.Keyring
			accept := func(keyring *keys.Keyring) error { asked = keyring; return nil }
			read, err := Read(name, Rules{Accept: accept}, noon)
			assert.Equal(t, want, reasons(t, err))
			assert.Equal(t, idsOf(keyring), idsOf(asked))
			assert.Equal(t, want != nil, read == nil)
			_, err = Read(name, Rules{Accept: func(*keys.Keyring) error { return refused }}, noon)
			assert.Equal(t, append([]Reason{ReasonRefused}, want...), reasons(t, err))
			assert.ErrorIs(t, err, refused)
			_, err = Load(name)
			assert.NoError(t, err, "who only looks is not judged")
		})
	}
}

// TestEveryFaultIsTold reads a file that is wrong in every way that does not hide another, and
// looks for material in what is said of it.
func TestEveryFaultIsTold(t *testing.T) {
	name := filepath.Join(sharedFolder(t), "keyset.json")
	write(t, name, `{"keys":[
		{"kty":"oct","alg":"HS512","kid":"one","k":"bWF0ZXJpYWwtbWF0ZXJpYWwtbWF0ZXJpYWw","sign_from":"yesterday"},
		{"kty":"oct","alg":"HS256","kid":"two","k":"bWF0ZXJpYWwtbWF0ZXJpYWwtbWF0ZXJpYWw=","sign_from":"2026-02-16T12:00:00Z","revokd":true}]}`, 0o644)
	_, err := Read(name, Rules{Production: true}, noon)
	assert.Equal(t, []Reason{ReasonExposed, ReasonMalformed}, reasons(t, err))
	var faults keys.SetFaults
	require.ErrorAs(t, err, &faults)
	for _, want := range []string{"by others", "(one): alg", "(one): sign_from", "(two): k",
		"(two): has a member"} {
		assert.ErrorContains(t, err, want)
	}
	for _, leak := range []string{"bWF0", "yesterday", "revokd", "material", name} {
		assert.NotContains(t, err.Error(), leak)
	}

	write(t, name, keys.FormatSet(mustRing(t,
		testKey("a", noon).WithPlan(keys.Plan{SignFrom: noon, Revoked: true}))), 0o602)
	_, err = Read(name, Rules{Production: true, Accept: func(*keys.Keyring) error {
		return errors.New("weak")
	}}, noon)
	assert.EqualError(t, err,
		"keyset file: may be read or written by others, or written by its group; "+
			"holds keys that are refused: weak; holds no key that can sign, now or later")
}

func mustRing(t *testing.T, all ...keys.Key) *keys.Keyring {
	t.Helper()
	keyring, err := keys.NewKeyring(all...)
	require.NoError(t, err)
	return keyring
}

func TestReadingLeavesNothingOpen(t *testing.T) {
	folder := sharedFolder(t)
	write(t, filepath.Join(folder, "sound"), textOf(t, "a"), 0o600)
	write(t, filepath.Join(folder, "torn"), "{", 0o600)
	before := descriptors(t)
	for _, name := range []string{"sound", "torn", "missing", "."} {
		_, _ = Read(filepath.Join(folder, name), Rules{}, noon)
	}
	assert.Equal(t, before, descriptors(t))
}

func TestEveryReasonAndProblemHasWords(t *testing.T) {
	seen := map[string]bool{}
	for reason := ReasonMissing; reason <= ReasonNoSigner; reason++ {
		seen[reason.String()] = true
	}
	for problem := ProblemBusy; problem <= ProblemUnsynced; problem++ {
		seen[problem.String()] = true
	}
	assert.Len(t, seen, int(ReasonNoSigner)+1+int(ProblemUnsynced)+1)
	assert.NotContains(t, seen, Reason(99).String())
	assert.NotContains(t, seen, WriteProblem(99).String())
}
