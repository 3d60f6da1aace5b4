package bootstrap

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/adapters/system"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// askWithin is how long a server is waited for when nobody but an operator wants to know.
const askWithin = 2 * time.Second

// evictionWarning warns of a server that forgets grants when its memory is full.
func evictionWarning(review config.Review, policy string) []config.Warning {
	if policy == redis.NoEviction {
		return nil
	}
	return []config.Warning{review.RedisWarning(
		"names a server whose maxmemory-policy is "+policy+
			": when its memory is full it forgets grants, and limits nobody",
		"set its maxmemory-policy to "+redis.NoEviction)}
}

// checkStorage asks a shared storage what an operator had best know before the start: whether it decides, in time, and whether it evicts.
func checkStorage(ctx context.Context, review config.Review) []config.Warning {
	if review.Config.Storage != config.StorageRedis {
		return nil
	}
	server, err := redis.New(string(review.Config.RedisURL.Bytes()), askWithin)
	if err != nil {
		return nil // a fault, and told as one
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
		defer cancel()
		server.Close(closing)
	}()
	if err := decide(ctx, server, askWithin); err != nil {
		return []config.Warning{review.RedisWarning("names a server that does not decide ("+
			err.Error()+")",
			"see that it runs and may be written to, that address, user, password and database are right, and that the user may do what docs/limits.md lists")}
	}
	var warnings []config.Warning
	if err := decide(ctx, server, review.Config.RedisTimeout); err != nil {
		warnings = append(warnings, review.RedisWarning(
			fmt.Sprintf(
				"names a server that does not decide within %d ms from here (%s): that would be an outage", review.Config.RedisTimeout/time.Millisecond, err),
			"put the server nearer, or give OFFLOAD_REDIS_TIMEOUT_MS more"))
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	policy, err := server.EvictionPolicy(ctx)
	if err != nil {
		return append(warnings, review.RedisWarning(
			"names a server that could not be asked for its maxmemory-policy ("+err.Error()+")",
			"see that the policy is "+redis.NoEviction+", and that the user may ask INFO"))
	}
	return append(warnings, evictionWarning(review, policy)...)
}

// decide has the server make a decision that writes, as an issuance asks, on subjects that are nobody's.
func decide(ctx context.Context, server ports.LimiterStorage, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	nobody := func(dimension throttle.Dimension) throttle.Check {
		return throttle.Check{Dimension: dimension,
			Subject: throttle.Subject(system.Entropy{}.Generate(len(throttle.Subject{}))), Limit: 1,
			Window: time.Second}
	}
	_, err := server.Decide(ctx, 0, throttle.NewChecks(nobody(throttle.ByAddress),
		nobody(throttle.ByInstall)))
	return err
}

// evictionWatch asks a shared storage at the start and after each outage whether it evicts, for the server that comes back may be another. It tells once
// for each answer. What cannot be asked is passed over: an outage is told by itself, and check tells the rest.
type evictionWatch struct {
	ports.Events
	review config.Review
	server *redis.Storage
	logger *slog.Logger
	again  chan struct{} // holds one wish, and a further one has nothing to add
}

// Record is ports.Events'.
func (w *evictionWatch) Record(ctx context.Context, event ports.Event) {
	w.Events.Record(ctx, event)
	if _, ended := event.(ports.LimiterOutageEnded); ended {
		w.ask()
	}
}

func (w *evictionWatch) ask() {
	select {
	case w.again <- struct{}{}:
	default:
	}
}

// run asks whenever that is wished, until ctx ends.
func (w *evictionWatch) run(ctx context.Context) {
	told := redis.NoEviction
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.again:
		}
		asking, cancel := context.WithTimeout(ctx, askWithin)
		policy, err := w.server.EvictionPolicy(asking)
		cancel()
		if err != nil || policy == told {
			continue
		}
		told = policy
		for _, warning := range evictionWarning(w.review, policy) {
			w.logger.Warn("configuration_warning", slog.String("variable", warning.Variable),
				slog.String("problem", warning.Problem))
		}
	}
}
