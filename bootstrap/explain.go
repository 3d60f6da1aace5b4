package bootstrap

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/offload/sessiond/adapters/cli"
	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/adapters/system/clock"
	"github.com/offload/sessiond/adapters/system/entropy"
	"github.com/offload/sessiond/app/issue"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/domain/clientaddr"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// viewTimeout bounds one read of a shared storage, whose connection must first be made.
const viewTimeout = 2 * time.Second

// explainCommand implements sessiond limits explain.
type explainCommand struct {
	load func(*pflag.FlagSet) config.Review
}

func (c explainCommand) explain(ctx context.Context, flags *pflag.FlagSet,
	given cli.Client) (cli.ExplainReport, error) {
	review := c.load(flags)
	if err := invalid(review); err != nil {
		return cli.ExplainReport{}, err
	}
	config := &review.Config
	client := given.Address.Unmap()
	if given.Forwarded != "" {
		client = clientaddr.Client(given.Address, config.TrustedProxies,
			config.TrustedProxyHeader.Entries([]string{given.Forwarded}))
	}
	report := cli.ExplainReport{
		Peer: given.Address.String(), Trusted: config.TrustedProxies.Contains(given.Address),
		Client: client.String(), Mode: config.Limits.Mode.String(),
		Prefix:        clientaddr.Truncate(client, config.Limits.IPv6Prefix).String(),
		WindowSeconds: int(config.Limits.Window / time.Second),
		Limits:        []cli.ExplainedLimit{},
	}
	if network, ok := clientaddr.Network(client, config.Limits.IPv6Prefix); ok {
		report.Network = network.String()
	}
	report.Notes = explainNotes(config, given, report.Trusted)
	view, end := c.view(ctx, config)
	defer end()
	limits, err := issue.NewExplainer(config.Limits,
		throttle.NewDigester(config.DigestKey.Bytes()), view, clock.New()).Explain(ctx, client,
		given.Install)
	if err != nil {
		return cli.ExplainReport{}, fmt.Errorf("the shared storage cannot be read: %w", err)
	}
	for _, limit := range limits {
		report.Limits = append(report.Limits, explained(limit))
	}
	return report, nil
}

// view returns what reads the shared storage; nil without one. end closes it.
func (c explainCommand) view(ctx context.Context,
	config *config.Config) (view ports.LimiterView, end func()) {
	if config.Storage != ports.StorageRedis {
		return nil, func() {}
	}
	server := redisServer(config, entropy.Source{})
	server.Timeout = viewTimeout
	storage := redis.New(server)
	return storage, func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), redis.CloseTimeout)
		defer cancel()
		storage.Close(closing)
	}
}

// explained converts a limit.
func explained(limit issue.ExplainedLimit) cli.ExplainedLimit {
	shown := cli.ExplainedLimit{Dimension: limit.Dimension.String(), Subject: limit.Subject,
		Limit: limit.Limit, AppliesTo: "new sessions"}
	if limit.Dimension == throttle.ByRenewal || limit.Dimension == throttle.ByRenewalAddress {
		shown.AppliesTo = "renewals"
	}
	if state := limit.State; state != nil {
		shown.State = &cli.ExplainedState{Remaining: state.Remaining,
			GrowsAfterSeconds: state.GrowsAfter.Seconds()}
		if !state.Since.IsZero() {
			shown.State.Since = state.Since.UTC().Format(time.RFC3339)
		}
	}
	return shown
}

// explainNotes returns what the reader should know of the report.
func explainNotes(config *config.Config, given cli.Client, trusted bool) []string {
	notes := []string{}
	add := func(condition bool, note string) {
		if condition {
			notes = append(notes, note)
		}
	}
	add(given.Forwarded != "" && !trusted,
		"the peer is not a trusted proxy: what it forwards changes nothing")
	add(given.Forwarded == "" && trusted,
		"the peer is a trusted proxy: give what it forwards with --forwarded")
	add(given.Install == nil, "limits by installation are left out: give --install-id")
	add(config.Storage == ports.StorageMemory,
		"each replica keeps grants in its own memory, which cannot be read from here")
	return notes
}
