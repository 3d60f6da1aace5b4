package browser

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Timeout is how long the package waits for anything before it treats it as a hang.
const Timeout = time.Minute

// Page is the only page of a Chromium that a test drives by the DevTools protocol. Scripts of the
// page do not run; those of the test do. A Page is for one goroutine.
type Page struct {
	to       *os.File
	messages chan message
	session  string
	calls    int
	loads    int // how often the page was loaded
	// failures are what the browser complained about, such as a violated Content-Security-Policy.
	failures []string
}

// message is a message of the protocol, in either direction.
type message struct {
	ID      int             `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// NewPage starts Chromium with an empty page until the end of the test.
func NewPage(t testing.TB) *Page {
	t.Helper()
	theirIn, to, err := os.Pipe()
	require.NoError(t, err)
	from, theirOut, err := os.Pipe()
	require.NoError(t, err)
	chromium := command(t, "--remote-debugging-pipe", "about:blank")
	chromium.ExtraFiles = []*os.File{theirIn, theirOut} // descriptors 3 and 4
	require.NoError(t, chromium.Start())
	_ = theirIn.Close()
	_ = theirOut.Close()
	p := &Page{to: to, messages: make(chan message, 1024)}
	go p.read(from)
	t.Cleanup(func() {
		_ = chromium.Process.Kill()
		_ = chromium.Wait()
		_ = to.Close()
		_ = from.Close()
	})
	var found struct {
		TargetInfos []struct{ TargetID, Type string }
	}
	deadline := time.Now().Add(Timeout)
	target := ""
	for target == "" {
		require.True(t, time.Now().Before(deadline), "timed out waiting for the browser's page")
		p.call(t, "Target.getTargets", nil, &found)
		for _, info := range found.TargetInfos {
			if info.Type == "page" {
				target = info.TargetID
			}
		}
	}
	var attached struct{ SessionID string }
	p.call(t, "Target.attachToTarget", map[string]any{"targetId": target, "flatten": true},
		&attached)
	p.session = attached.SessionID
	p.call(t, "Page.enable", nil, nil)
	p.call(t, "Log.enable", nil, nil)
	p.disableScripts(t, true)
	return p
}

func (p *Page) disableScripts(t testing.TB, disabled bool) {
	t.Helper()
	p.call(t, "Emulation.setScriptExecutionDisabled", map[string]any{"value": disabled}, nil)
}

// read passes on what the browser sends: messages that end in NUL.
func (p *Page) read(from *os.File) {
	defer close(p.messages)
	reader := bufio.NewReader(from)
	for {
		text, err := reader.ReadBytes(0)
		if err != nil {
			return // the browser has ended
		}
		var received message
		if json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &received) == nil {
			p.messages <- received
		}
	}
}

// next returns the next message of the browser. Events are noted.
func (p *Page) next(t testing.TB, what string) message {
	t.Helper()
	select {
	case received, ok := <-p.messages:
		require.True(t, ok, "the browser ended while the test waited for %s", what)
		switch received.Method {
		case "Page.loadEventFired":
			p.loads++
		case "Log.entryAdded":
			var event struct{ Entry struct{ Level, Text string } }
			require.NoError(t, json.Unmarshal(received.Params, &event))
			if event.Entry.Level != "verbose" && event.Entry.Level != "info" {
				p.failures = append(p.failures, event.Entry.Text)
			}
		}
		return received
	case <-time.After(Timeout):
		require.Fail(t, "timed out", "waiting for %s", what)
		return message{}
	}
}

// call calls a method of the protocol, which must succeed, and decodes its result.
func (p *Page) call(t testing.TB, method string, params, result any) {
	t.Helper()
	require.NoError(t, p.try(t, method, params, result), method)
}

func (p *Page) try(t testing.TB, method string, params, result any) error {
	t.Helper()
	p.calls++
	sent := message{ID: p.calls, Session: p.session, Method: method}
	if params != nil {
		text, err := json.Marshal(params)
		require.NoError(t, err)
		sent.Params = text
	}
	text, err := json.Marshal(sent)
	require.NoError(t, err)
	_, err = p.to.Write(append(text, 0))
	require.NoError(t, err)
	for {
		received := p.next(t, method)
		if received.ID != sent.ID {
			continue
		}
		if received.Error != nil {
			return errors.New(received.Error.Message)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(received.Result, result)
	}
}

// Look sets the size of the window, and whether the user prefers a dark page.
func (p *Page) Look(t testing.TB, width, height int, dark bool) {
	t.Helper()
	p.call(t, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width,
		"height": height, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	p.call(t, "Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{
		{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// Go loads an address.
func (p *Page) Go(t testing.TB, address string) {
	t.Helper()
	loads := p.loads
	p.call(t, "Page.navigate", map[string]any{"url": address}, nil)
	p.awaitLoads(t, loads+1, address)
}

// AwaitReload waits until the page has loaded itself again.
func (p *Page) AwaitReload(t testing.TB) {
	t.Helper()
	p.awaitLoads(t, p.loads+1, "the page to load itself again")
}

func (p *Page) awaitLoads(t testing.TB, loads int, what string) {
	t.Helper()
	for p.loads < loads {
		p.next(t, what)
	}
}

// Evaluate runs an expression of JavaScript in the page, waits for it if it is a promise, and
// decodes its value. Scripts are enabled meanwhile, so that promises are fulfilled.
func (p *Page) Evaluate(t testing.TB, expression string, value any) {
	t.Helper()
	p.disableScripts(t, false)
	defer p.disableScripts(t, true)
	var evaluated struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	p.call(t, "Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true,
		"returnByValue": true}, &evaluated)
	if failed := evaluated.ExceptionDetails; failed != nil {
		require.Fail(t, "the expression failed", "%s %s", failed.Text,
			failed.Exception.Description)
	}
	if value != nil {
		require.NoError(t, json.Unmarshal(evaluated.Result.Value, value))
	}
}

// Screenshot writes a picture of the whole page, however long it is.
func (p *Page) Screenshot(t testing.TB, path string) {
	t.Helper()
	var picture struct{ Data string }
	p.call(t, "Page.captureScreenshot", map[string]any{"format": "png",
		"captureBeyondViewport": true}, &picture)
	text, err := base64.StdEncoding.DecodeString(picture.Data)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text, 0o644))
}

// Failures returns what the browser complained about since the last call.
func (p *Page) Failures() string {
	text := strings.Join(p.failures, "\n")
	p.failures = nil
	return text
}
