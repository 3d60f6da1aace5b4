package sessionclient_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/sessionclient"
	"github.com/offload/sessiond/test/appworld"
)

// The table of cases, which the clients in all languages run.
type (
	table struct {
		Cases []testCase `json:"cases"`
	}
	testCase struct {
		Name  string            `json:"name"`
		Why   string            `json:"why"`
		Needs []string          `json:"needs"`
		Env   map[string]string `json:"env"`
		Steps []testStep        `json:"steps"`
	}
	// testStep has one verb, and Expect if the verb has an outcome.
	testStep struct {
		Client       *clientStep    `json:"client"`
		Refused      *refusedStep   `json:"refused"`
		Request      *requestStep   `json:"request"`
		Begin        *requestStep   `json:"begin"`
		Finish       string         `json:"finish"`
		Cancel       string         `json:"cancel"`
		Token        string         `json:"token"`
		Credentials  *requestStep   `json:"credentials"`
		SignOut      string         `json:"sign_out"`
		Advance      float64        `json:"advance"`
		DeviceClock  float64        `json:"device_clock"`
		Answers      *answersStep   `json:"answers"`
		Release      bool           `json:"release"`
		Await        map[string]any `json:"await"`
		Seen         map[string]any `json:"seen"`
		Stored       *storedStep    `json:"stored"`
		Holds        *holdsStep     `json:"holds"`
		StorageFails string         `json:"storage_fails"`
		Expect       *expectation   `json:"expect"`
	}
	clientStep struct {
		As         string  `json:"as"`
		Storage    string  `json:"storage"`
		Key        string  `json:"key"`
		InstallID  string  `json:"install_id"`
		AppVersion string  `json:"app_version"`
		Timeout    float64 `json:"timeout"`
		MaxWait    float64 `json:"max_wait"`
	}
	refusedStep struct {
		Sessions    string `json:"sessions"`
		Application string `json:"application"`
		InstallID   string `json:"install_id"`
		Key         string `json:"key"`
	}
	requestStep struct {
		As      string            `json:"as"`
		Client  string            `json:"client"`
		Method  string            `json:"method"`
		Path    string            `json:"path"`
		Body    string            `json:"body"`
		Stream  bool              `json:"stream"`
		Headers map[string]string `json:"headers"`
		Times   int               `json:"times"`
	}
	answersStep struct {
		Sessions    []appworld.Answer `json:"sessions"`
		Application []appworld.Answer `json:"application"`
	}
	storedStep struct {
		Storage string `json:"storage"`
		Text    string `json:"text"`
	}
	holdsStep struct {
		Storage   string `json:"storage"`
		Token     bool   `json:"token"`
		InstallID bool   `json:"install_id"`
	}
	expectation struct {
		Status     int                    `json:"status"`
		Body       map[string]any         `json:"body"`
		Token      bool                   `json:"token"`
		Error      string                 `json:"error"`
		RetryAfter *float64               `json:"retry_after"`
		Details    []sessionclient.Detail `json:"details"`
		RequestID  string                 `json:"request_id"`
	}
)

func cases(t *testing.T) []testCase {
	t.Helper()
	text, err := os.ReadFile("testdata/cases.json")
	require.NoError(t, err)
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var all table
	require.NoError(t, decoder.Decode(&all))
	require.NotEmpty(t, all.Cases)
	return all.Cases
}

var (
	inMemory = place{
		func(string) sessionclient.Storage { return sessionclient.NewMemoryStorage() },
		func(string) sessionclient.Key { return sessionclient.NewMemoryKey() },
	}
	inFiles = place{
		func(folder string) sessionclient.Storage {
			return sessionclient.NewFileStorage(filepath.Join(folder, "app", "session"))
		},
		func(folder string) sessionclient.Key {
			return sessionclient.NewFileKey(filepath.Join(folder, "app", "key.pem"))
		},
	}
)

// TestCases runs the table of cases, with a memory and with a file as storage.
func TestCases(t *testing.T) {
	t.Parallel()
	for _, c := range cases(t) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			for name, open := range map[string]place{"memory": inMemory, "file": inFiles} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					newRunner(t, c.Env, open).run(c)
				})
			}
		})
	}
}
