package redis

import (
	"context"
	"fmt"
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// permissionsDocs is the page that lists the permissions that the service needs, and explains each
// cause.
const permissionsDocs = "cmd/sessiond/docs/limits.md"

// Finding is a problem of a server, for the operator. It contains nothing of the URL.
type Finding struct {
	// Problem continues a sentence that starts with the variable that holds the URL.
	Problem string
	Remedy  string
}

// Inspection is a check of a server before the service uses it.
type Inspection struct {
	// Server is the server as it is configured.
	Server Server
	// TimeoutVariable is the variable that sets the server's timeout.
	TimeoutVariable string
	// CAVariable, CertificateVariable and KeyVariable are the variables that name the files for
	// TLS: the certificates of the authorities, the client certificate and its key.
	CAVariable, CertificateVariable, KeyVariable string
}

// Inspect checks whether the server decides, whether it does so in time, and whether it evicts
// keys. It writes grants for random subjects, which expire by themselves. Each of its steps has a
// deadline of at most two seconds.
func Inspect(ctx context.Context, inspection Inspection) []Finding {
	patient := inspection.Server
	patient.Timeout = queryTimeout
	server := New(patient)
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), CloseTimeout)
		defer cancel()
		server.Close(closing)
	}()
	decide := func(timeout time.Duration) error {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		_, err := server.Decide(ctx, 0, throttle.TrialChecks(inspection.Server.Draw))
		return err
	}
	// The first decision has to wait for the connection, so its time is not judged.
	if err := decide(queryTimeout); err != nil {
		return []Finding{{
			Problem: "names a server that does not decide (" + err.Error() + ")",
			Remedy:  inspection.remedyFor(err),
		}}
	}
	var found []Finding
	if err := decide(inspection.Server.Timeout); err != nil {
		found = append(found, Finding{
			Problem: fmt.Sprintf("names a server that does not decide within %d ms from here (%s): "+
				"that would be an outage", inspection.Server.Timeout/time.Millisecond, err),
			Remedy: "move the server closer, or raise " + inspection.TimeoutVariable,
		})
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	policy, err := server.EvictionPolicy(ctx)
	switch {
	case err != nil:
		found = append(found, Finding{
			Problem: "names a server that could not be asked for its maxmemory-policy (" +
				err.Error() + ")",
			Remedy: "check that the policy is " + NoEviction + ", and allow the user INFO",
		})
	case policy != NoEviction:
		found = append(found, Finding{Problem: evictionProblem(policy),
			Remedy: "set its maxmemory-policy to " + NoEviction})
	}
	return found
}
