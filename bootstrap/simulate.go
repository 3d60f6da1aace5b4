package bootstrap

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"

	"github.com/offload/sessiond/adapters/cli"
	"github.com/offload/sessiond/adapters/limiter/memory"
	"github.com/offload/sessiond/adapters/plot"
	"github.com/offload/sessiond/app/simulate"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// simulatedSubjects bounds each part of a simulated storage: it forgets nothing before the memory
// of the machine is full.
const simulatedSubjects = 1_000_000_000

// simulation implements sessiond limits simulate.
func simulation(ctx context.Context, wanted cli.Simulation) (cli.SimulateReport, error) {
	recorded, err := newRecording(wanted, func(source string) error {
		return acceptGrid(source, wanted.Settings)
	})
	if err != nil {
		return cli.SimulateReport{}, err
	}
	if err := plottable(&wanted); err != nil {
		return cli.SimulateReport{}, err
	}
	settings := make([]simulate.Setting, 0, len(wanted.Settings))
	for _, setting := range wanted.Settings {
		settings = append(settings, simulate.Setting(setting))
	}
	service := simulate.New(func(limits throttle.Limits) (ports.LimiterStorage, error) {
		return memory.New(simulatedSubjects, limits.Of)
	})
	report, err := service.Run(ctx, recorded, settings)
	if err != nil {
		return cli.SimulateReport{}, err
	}
	if wanted.Plot != "" && report.Requests > 0 {
		if err := writePlot(wanted.Plot, &report); err != nil {
			return cli.SimulateReport{}, err
		}
	}
	return simulateReport(wanted, recorded, &report), nil
}

// acceptGrid reports a grid that cannot be tried on recordings of that kind: an access log has no
// installations and renewals. All settings of a grid limit the same dimensions.
func acceptGrid(source string, settings []cli.GridSetting) error {
	if source != sourceLog {
		return nil
	}
	for _, dimension := range []throttle.Dimension{throttle.ByInstall, throttle.ByRenewal,
		throttle.ByRenewalAddress} {
		if settings[0].Limits.Of(dimension) != 0 {
			return &cli.UsageError{Problem: "an access log tells nothing of installations and " +
				"renewals: leave out --" + cli.GridFlag(dimension)}
		}
	}
	if !slices.ContainsFunc(settings, func(setting cli.GridSetting) bool {
		return setting.Limits.Of(throttle.ByAddress) > 0 ||
			setting.Limits.Of(throttle.ByNetwork) > 0
	}) {
		return &cli.UsageError{Problem: "no limit to try on an access log: give --" +
			cli.GridFlag(throttle.ByAddress) + " or --" + cli.GridFlag(throttle.ByNetwork)}
	}
	return nil
}

// plottable reports, before anything is read, why the picture could not be written to its file. A
// picture may replace a regular file, unless that is one of the recordings.
func plottable(wanted *cli.Simulation) error {
	name := wanted.Plot
	if name == "" {
		return nil
	}
	folder := filepath.Dir(name)
	info, err := os.Stat(folder)
	if err == nil && !info.IsDir() {
		err = syscall.ENOTDIR
	}
	if err == nil {
		err = unix.Access(folder, unix.W_OK|unix.X_OK)
	}
	if err != nil {
		return &RecordingError{folder, reasonOf(err)}
	}
	replaced, err := os.Lstat(name)
	if err != nil {
		return nil //nolint:nilerr // there is nothing to replace
	}
	if !replaced.Mode().IsRegular() {
		return &RecordingError{name, "cannot be the picture: it is not a regular file"}
	}
	if slices.ContainsFunc(filesOf(wanted), func(read fs.FileInfo) bool {
		return os.SameFile(read, replaced)
	}) {
		return &RecordingError{name, "cannot be the picture: it is what is read"}
	}
	return nil
}

// filesOf returns the descriptions of the files that are read, including standard input.
func filesOf(wanted *cli.Simulation) []fs.FileInfo {
	var found []fs.FileInfo
	for _, name := range wanted.Files {
		if info, err := os.Stat(name); err == nil {
			found = append(found, info)
		}
	}
	if input, is := wanted.Input.(*os.File); is && len(wanted.Files) == 0 {
		if info, err := input.Stat(); err == nil {
			found = append(found, info)
		}
	}
	return found
}

// simulateReport converts the report of the use case.
func simulateReport(wanted cli.Simulation, recorded *recording,
	report *simulate.Report) cli.SimulateReport {
	shown := cli.SimulateReport{Source: recorded.source, Requests: report.Requests,
		Undecided: report.Undecided, Others: recorded.others, Unreadable: recorded.unreadable,
		Notes: notes(wanted, recorded, report), Settings: []cli.SimulateResult{}}
	if report.Requests > 0 {
		shown.First = report.First.UTC().Format(time.RFC3339)
		shown.Last = report.Last.UTC().Format(time.RFC3339)
	}
	for i := range report.Results {
		shown.Settings = append(shown.Settings, simulateResult(&report.Results[i]))
	}
	if wanted.Suggest != nil {
		shown.Suggestion = &cli.Suggestion{Share: *wanted.Suggest}
		if index, found := report.Suggest(*wanted.Suggest); found && report.Requests > 0 {
			shown.Suggestion.Setting = &index
		}
	}
	return shown
}

// simulateResult converts the result of one setting.
func simulateResult(result *simulate.Result) cli.SimulateResult {
	shown := cli.SimulateResult{Limits: map[string]int{}, RefusedBy: map[string]int{},
		WindowSeconds: int(result.Setting.Window / time.Second),
		Requests:      result.Requests.Total, Refused: result.Refusals.Total,
		RefusedShare:       refusedShare(result),
		LongestWaitSeconds: result.LongestWait.Seconds(),
		Addresses:          simulateShare(result.Kinds[simulate.Addresses]),
		Networks:           simulateShare(result.Kinds[simulate.Networks]),
		Installations:      simulateShare(result.Kinds[simulate.Installations]),
	}
	for _, dimension := range throttle.Dimensions() {
		if limit := result.Setting.Limits.Of(dimension); limit > 0 {
			shown.Limits[dimension.String()] = limit
			shown.RefusedBy[dimension.String()] = result.By[dimension]
		}
	}
	return shown
}

// refusedShare returns the share of requests that a setting refused; 0 if there were none.
func refusedShare(result *simulate.Result) float64 {
	return float64(result.Refusals.Total) / float64(max(1, result.Requests.Total))
}

// simulateShare converts a share, to nil if there are no such subjects.
func simulateShare(share simulate.Share) *cli.SimulateShare {
	if share.Subjects == 0 {
		return nil
	}
	return &cli.SimulateShare{Subjects: share.Subjects, Refused: share.Refused,
		RefusedShare: share.RefusedShare(), TopShare: share.Top}
}

// notes returns what the reader should know to judge the figures.
func notes(wanted cli.Simulation, recorded *recording, report *simulate.Report) []string {
	list := []string{}
	if report.Requests == 0 {
		list = append(list, "the "+recorded.source+" has no request that asks for a session")
	}
	if wanted.Plot != "" && report.Requests == 0 {
		list = append(list, "there is nothing to plot: "+config.ShownPath(wanted.Plot)+
			" was not written")
	}
	if report.Parts > 1 {
		list = append(list, fmt.Sprintf("the recording has %d parts, one for each start of the "+
			"service: each begins without grants", report.Parts))
	}
	if report.LimitsChanged {
		list = append(list, "the limits differ between parts: those that are not given "+
			"are shown as the first ones, and were simulated as those of their time")
	}
	for _, dimension := range throttle.Dimensions() {
		if wanted.Settings[0].Limits.Of(dimension) != 0 && report.Seen[dimension] == 0 &&
			report.Requests > 0 {
			list = append(list, fmt.Sprintf("no request was checked by %s, so --%s has no effect",
				dimension, cli.GridFlag(dimension)))
		}
	}
	return list
}

// writePlot writes the picture of a report.
func writePlot(name string, report *simulate.Report) error {
	if err := renameio.WriteFile(name, plot.SVG(picture(report)), 0o644); err != nil {
		return &RecordingError{name, reasonOf(err)}
	}
	return nil
}
