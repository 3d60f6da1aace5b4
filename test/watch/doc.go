// Package watch tests what an operator watches the service with: the rules and the dashboard in
// cmd/sessiond/deploy, and the runbook. promtool evaluates the rules over made-up series, and a
// real Prometheus scrapes running services while they fail.
package watch
