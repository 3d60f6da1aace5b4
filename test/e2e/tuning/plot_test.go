package tuning_test

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// textsOf returns the texts of an SVG picture.
func textsOf(t *testing.T, name string) []string {
	t.Helper()
	file, err := os.Open(name)
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	var found []string
	for decoder := xml.NewDecoder(file); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(t, err)
		if text, is := token.(xml.CharData); is && strings.TrimSpace(string(text)) != "" {
			found = append(found, strings.TrimSpace(string(text)))
		}
	}
}

// TestPlot draws a grid in which the limit by network makes no difference: titles, units, the
// limits in their order, and one line for all that coincide.
func TestPlot(t *testing.T) {
	var all []visit
	for i := range 300 {
		all = append(all, visitAt(i, "203.0.113.5"))
	}
	log := logOf(t, all)
	picture := filepath.Join(t.TempDir(), "out.svg")
	simulate(t, "--per-ip", "16,4,64", "--per-network", "0,1000", "--window", "30s,60s", "--plot",
		picture, log)
	found := textsOf(t, picture)
	for _, want := range []string{"Requests that would be refused", "refused requests per minute",
		"time (UTC)", "Refused share by limit", "refused share of requests (%)",
		"limit by ip (grants in a window)", "network off, window 30 s (and 1 more alike)",
		"network off, window 60 s (and 1 more alike)", "ip 16, network off, window 30 s"} {
		assert.Contains(t, found, want)
	}
	assert.Contains(t, strings.Join(found, " "), " 4 16 64 ", "in order")

	simulate(t, "--per-ip", "4", "--per-network", "0,50", "--plot", picture, log)
	assert.Contains(t, strings.Join(textsOf(t, picture), " "), " 50 off ", "no limit is the highest")

	none := logOf(t, []visit{{at: logStart, address: all[0].address}})
	require.NoError(t, os.Remove(picture))
	report := simulate(t, "--per-ip", "4", "--plot", picture, none)
	assert.NoFileExists(t, picture)
	assert.Len(t, report.Notes, 2)
	assert.Equal(t, map[string]int{"ip": 4}, report.Settings[0].Limits)
}
