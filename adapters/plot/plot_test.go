package plot_test

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/plot"
)

// texts returns the texts of an SVG picture, which must be well-formed.
func texts(t *testing.T, svg []byte) []string {
	t.Helper()
	var found []string
	decoder := xml.NewDecoder(strings.NewReader(string(svg)))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(t, err)
		if text, ok := token.(xml.CharData); ok && strings.TrimSpace(string(text)) != "" {
			found = append(found, strings.TrimSpace(string(text)))
		}
	}
}

func TestPictureNamesLinesAndTicks(t *testing.T) {
	start := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	picture := plot.Picture{
		OverTime: plot.OverTime{Title: "Over time", Series: []plot.TimeSeries{
			{Name: "ip 4", Start: start, Width: time.Minute, Counts: []int{240, 0, 3, 20}},
			{Name: "ip 8", Start: start, Width: 2 * time.Minute, Counts: []int{1, 7}},
			{Name: "ip 16"},
		}},
		ByLimit: plot.ByLimit{Title: "By limit", Limit: "limit by ip",
			Limits: []string{"4", "8", "off"}, Series: []plot.LimitSeries{
				{Name: "window 60 s", Shares: []float64{0.5, 0.25, 0}},
			}},
	}
	svg := plot.SVG(picture)
	found := texts(t, svg)
	for _, want := range []string{"Over time", "By limit", "time (UTC)",
		"refused requests per minute", "limit by ip", "refused share of requests (%)", "ip 4",
		"ip 8", "ip 16 (none)", "window 60 s", "4", "8", "off", "2026-11-30", "00:01:00", "120", "50"} {
		assert.Contains(t, found, want)
	}
	assert.NotRegexp(t, `#[0-9A-Fa-f]{6}`, strings.NewReplacer("#000000", "", "#FFFFFF", "",
		"#E1E1E1", "").Replace(string(svg)), "clear in black and white")
}

// TestExtremePicturesAreValid draws pictures without points, with one point, and over a long time.
func TestExtremePicturesAreValid(t *testing.T) {
	for name, picture := range map[string]plot.Picture{
		"nothing": {},
		"one point": {
			OverTime: plot.OverTime{Series: []plot.TimeSeries{{Name: "a", Start: time.Unix(1, 0),
				Width: time.Second, Counts: []int{1}}}},
			ByLimit: plot.ByLimit{Limits: []string{"1"}, Series: []plot.LimitSeries{
				{Shares: []float64{0}}}}},
		"300 years": {OverTime: plot.OverTime{Series: []plot.TimeSeries{{Name: "a",
			Start: time.Unix(1, 0), Width: 1 << 25 * time.Second, Counts: make([]int, 240)}}}},
	} {
		t.Run(name, func(t *testing.T) {
			svg := plot.SVG(picture)
			assert.NotContains(t, string(svg), "NaN")
			dates := slices.DeleteFunc(texts(t, svg), func(text string) bool {
				_, err := time.Parse(time.DateOnly, text)
				return err != nil
			})
			assert.LessOrEqual(t, len(dates), 8, "so many dates fit beside each other")
		})
	}
}
