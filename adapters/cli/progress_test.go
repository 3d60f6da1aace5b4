package cli_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/adapters/cli"
)

func TestProgressLine(t *testing.T) {
	const mega = 1_000_000
	for _, c := range []struct {
		read, total int64
		elapsed     time.Duration
		columns     int
		want        string
	}{
		{0, 100 * mega, 0, 79, "[..............................]   0 %"},
		{50 * mega, 100 * mega, 2 * time.Second, 79,
			"[###############...............]  50 %  25 MB/s  2s left"},
		{50 * mega, 100 * mega, 2 * time.Second, 40, "[#######.......]  50 %  25 MB/s  2s left"},
		{50 * mega, 100 * mega, 2 * time.Second, 30, " 50 %  25 MB/s  2s left"},
		{50 * mega, 100 * mega, 2 * time.Second, 5, " 50 %"},
		{50 * mega, 100 * mega, 2 * time.Second, 0, ""},
		{1, 7200 * 3600 * mega, time.Second, 79,
			"[..............................]   0 %  0 MB/s  99h59m59s left"},
		{110 * mega, 100 * mega, time.Second, 79, // the file grows
			"[##############################] 100 %  110 MB/s  0s left"},
		{0, 100, time.Second, 79, "[..............................]   0 %  0 MB/s"},
		{50 * mega, 0, 2 * time.Second, 79, "50 MB read  25 MB/s"},
		{50 * mega, 0, 2 * time.Second, 4, "50 M"},
	} {
		assert.Equal(t, c.want, cli.ProgressLine(c.read, c.total, c.elapsed, c.columns))
	}
}
