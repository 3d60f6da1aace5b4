package bootstrap

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/adapters/system/entropy"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// queryTimeout bounds one query of a server that is made for the operator only, not for a request.
const queryTimeout = 2 * time.Second

// storageDocs is where the permissions that the service needs are listed.
const storageDocs = "cmd/sessiond/docs/limits.md"

// evictionWarning returns a warning if policy lets the server evict grants when its memory is full.
func evictionWarning(review config.Review, policy string) []config.Warning {
	if policy == redis.NoEviction {
		return nil
	}
	return []config.Warning{review.RedisWarning(
		"names a server whose maxmemory-policy is "+policy+
			": when its memory is full it evicts grants, and limits no longer hold",
		"set its maxmemory-policy to "+redis.NoEviction)}
}

// checkStorage checks a shared storage before the start: whether it decides, whether it does so in
// time, and whether it evicts keys.
func checkStorage(ctx context.Context, review config.Review) []config.Warning {
	if review.Config.Storage != config.StorageRedis {
		return nil
	}
	server := redis.New(review.Config.RedisURL, queryTimeout)
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		server.Close(closing)
	}()
	if err := decide(ctx, server, queryTimeout); err != nil {
		return []config.Warning{review.RedisWarning("names a server that does not decide ("+
			err.Error()+")",
			"check that it runs and is writable, that address, user, password and database are "+
				"right, and that the user has the permissions in "+storageDocs)}
	}
	var warnings []config.Warning
	if err := decide(ctx, server, review.Config.RedisTimeout); err != nil {
		warnings = append(warnings, review.RedisWarning(
			fmt.Sprintf("names a server that does not decide within %d ms from here (%s): "+
				"that would be an outage", review.Config.RedisTimeout/time.Millisecond, err),
			"move the server closer, or raise "+config.VarRedisTimeout))
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	policy, err := server.EvictionPolicy(ctx)
	if err != nil {
		return append(warnings, review.RedisWarning(
			"names a server that could not be asked for its maxmemory-policy ("+err.Error()+")",
			"check that the policy is "+redis.NoEviction+", and allow the user INFO"))
	}
	return append(warnings, evictionWarning(review, policy)...)
}

// decide makes the server take a decision that writes, like that of an issuance, for random
// subjects that belong to no client.
func decide(ctx context.Context, server ports.LimiterStorage, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	randomCheck := func(dimension throttle.Dimension) throttle.Check {
		return throttle.Check{Dimension: dimension,
			Subject: throttle.Subject(entropy.Source{}.Generate(len(throttle.Subject{}))), Limit: 1,
			Window: time.Second}
	}
	_, err := server.Decide(ctx, 0, throttle.NewChecks(randomCheck(throttle.ByAddress),
		randomCheck(throttle.ByInstall)))
	return err
}

// evictionWatch checks at the start and after each outage whether a shared storage evicts keys,
// because the server that comes back may be another one. It logs each change of the policy once. A
// failed query is ignored: outages are logged elsewhere, and sessiond check reports the rest.
type evictionWatch struct {
	ports.Events
	review config.Review
	server *redis.Storage
	logger *slog.Logger
	// pending holds at most one requested check: a second one would add nothing.
	pending chan struct{}
}

// Record implements ports.Events.
func (w *evictionWatch) Record(ctx context.Context, event ports.Event) {
	w.Events.Record(ctx, event)
	if _, ended := event.(ports.LimiterOutageEnded); ended {
		w.request()
	}
}

// request requests a check. It does not block.
func (w *evictionWatch) request() {
	select {
	case w.pending <- struct{}{}:
	default:
	}
}

// run makes each requested check until ctx is done.
func (w *evictionWatch) run(ctx context.Context) {
	logged := redis.NoEviction
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.pending:
		}
		query, cancel := context.WithTimeout(ctx, queryTimeout)
		policy, err := w.server.EvictionPolicy(query)
		cancel()
		if err != nil || policy == logged {
			continue
		}
		logged = policy
		for _, warning := range evictionWarning(w.review, policy) {
			w.logger.Warn("configuration_warning", slog.String("variable", warning.Variable),
				slog.String("problem", warning.Problem))
		}
	}
}
