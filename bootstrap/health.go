package bootstrap

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/offload/sessiond/adapters/cli"
	"github.com/offload/sessiond/adapters/http/ops"
	"github.com/offload/sessiond/bootstrap/config"
)

// healthTimeout bounds the wait for the response of the running service. It is below the usual
// timeouts of container platforms for health checks.
const healthTimeout = 3 * time.Second

// health requests the liveness or the readiness of the service that runs with a configuration. Only
// the address of the operations listener must be valid: the service may have read the rest at
// another time.
func health(ctx context.Context, review config.Review, ready bool) cli.HealthReport {
	report := cli.HealthReport{Failing: []string{}}
	if slices.ContainsFunc(review.Faults, func(fault config.Fault) bool {
		return fault.Variable == config.VarOpsAddr || fault.Variable == config.VarConfigFile
	}) {
		report.Problem = "the address of the operations listener is not known: see sessiond check"
		return report
	}
	if review.Config.OpsAddr == "" {
		report.Problem = config.VarOpsAddr + " is empty: there is no listener to ask"
		return report
	}
	path := ops.PathLive
	if ready {
		path = ops.PathReady
	}
	report.URL = ops.URL(review.Config.OpsAddr, path)
	bounded, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	answer, err := ops.Ask(bounded, report.URL)
	report.Status = answer.Status
	report.Failing = append(report.Failing, answer.Failing...)
	switch {
	case err != nil:
		report.Problem = err.Error()
	case answer.Status != http.StatusOK:
		report.Problem = fmt.Sprintf("%s answered %d", report.URL, answer.Status)
	default:
		report.Healthy = true
	}
	return report
}
