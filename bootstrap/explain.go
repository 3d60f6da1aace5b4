package bootstrap

import (
	"context"
	"fmt"
	"net/netip"
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

// explainCommand holds what sessiond limits explain needs.
type explainCommand struct {
	load func(*pflag.FlagSet) config.Review
}

// explain implements sessiond limits explain.
func (c explainCommand) explain(ctx context.Context, flags *pflag.FlagSet,
	given cli.Client) (cli.ExplainReport, error) {
	review := c.load(flags)
	// The rest of the configuration need not be valid: the operator may not have its secrets here.
	if err := invalidIn(review, review.LimitVariables()...); err != nil {
		return cli.ExplainReport{}, err
	}
	config := &review.Config
	report := cli.ExplainReport{Mode: config.Limits.Mode.String(),
		WindowSeconds: int(config.Limits.Window / time.Second), Limits: []cli.ExplainedLimit{}}
	var client netip.Addr
	entries := config.TrustedProxyHeader.Entries(forwardedLines(given))
	if given.Address.IsValid() {
		report.Peer = given.Address.String()
		report.Trusted = config.TrustedProxies.Contains(given.Address)
		client = clientaddr.Client(given.Address, config.TrustedProxies, entries)
	} else {
		report.Peer, report.Trusted = peerUnix, true
		client = clientaddr.ClientBehindSocket(config.TrustedProxies, entries)
	}
	if client.IsValid() {
		report.Client = client.String()
		report.Prefix = clientaddr.Truncate(client, config.Limits.IPv6Prefix).String()
		if network, ok := clientaddr.Network(client, config.Limits.IPv6Prefix); ok {
			report.Network = network.String()
		}
	}
	report.Notes = explainNotes(&review, given, &report)
	view, end := c.view(ctx, &review)
	defer end()
	limits, err := issue.NewExplainer(config.Limits,
		throttle.NewDigester(config.DigestKey.Bytes()), view, clock.New()).Explain(ctx, client,
		given.Install)
	if err != nil {
		return cli.ExplainReport{}, fmt.Errorf("the shared storage cannot be read: %w", err)
	}
	for _, limit := range limits {
		shown := explained(limit)
		if limit.Dimension.Shared() && !client.IsValid() {
			shown.Subject = "no address"
		}
		report.Limits = append(report.Limits, shown)
	}
	return report, nil
}

// peerUnix is a peer at a Unix socket, which has no address.
const peerUnix = "unix"

// forwardedLines returns the lines of the forwarding header; none if the proxy sent none.
func forwardedLines(given cli.Client) []string {
	if given.Forwarded == "" {
		return nil
	}
	return []string{given.Forwarded}
}

// view returns a view of the shared storage; nil if there is none, or if its subjects cannot be
// found because the key of the digests is not configured. The caller must call end when it is done.
func (c explainCommand) view(ctx context.Context,
	review *config.Review) (view ports.LimiterView, end func()) {
	if review.Config.Storage != ports.StorageRedis || !review.HasDigestKey() {
		return nil, func() {}
	}
	server := redisServer(&review.Config, entropy.Source{})
	server.Timeout = viewTimeout
	storage := redis.New(server)
	return storage, func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), redis.CloseTimeout)
		defer cancel()
		storage.Close(closing)
	}
}

// explained converts a limit to the type of the command line.
func explained(limit issue.ExplainedLimit) cli.ExplainedLimit {
	shown := cli.ExplainedLimit{Dimension: limit.Dimension.String(), Subject: limit.Subject,
		Limit: limit.Limit, AppliesTo: "new sessions"}
	if limit.Dimension == throttle.ByRenewal || limit.Dimension == throttle.ByRenewalAddress {
		shown.AppliesTo = "renewals"
	}
	if state := limit.State; state != nil {
		shown.State = &cli.ExplainedState{Remaining: state.Remaining,
			GrowsAfterSeconds: state.ResetAfter.Seconds()}
		if !state.Since.IsZero() {
			shown.State.Since = state.Since.UTC().Format(time.RFC3339)
		}
	}
	return shown
}

// explainNotes returns notes on what the report leaves out, and on arguments that have no effect.
func explainNotes(review *config.Review, given cli.Client, report *cli.ExplainReport) []string {
	config, notes := &review.Config, []string{}
	add := func(condition bool, note string) {
		if condition {
			notes = append(notes, note)
		}
	}
	add(given.Forwarded != "" && !report.Trusted,
		"the peer is not a trusted proxy: what it forwards changes nothing")
	add(given.Forwarded != "" && config.Socket && report.Peer != peerUnix,
		"the service listens on a Unix socket, where proxies have no address: leave out --address")
	add(given.Forwarded == "" && report.Trusted,
		"the peer is a trusted proxy: give what it forwards with --forwarded")
	add(report.Client == "",
		"nothing that was forwarded is an address: all such clients count as one")
	add(given.Install == nil, "limits by installation are left out: give --install-id")
	add(config.Storage == ports.StorageMemory,
		"each replica keeps grants in its own memory, which cannot be read from here")
	add(config.Storage == ports.StorageRedis && !review.HasDigestKey(),
		"the key of the digests is random in each process: what the others count cannot be found")
	return notes
}
