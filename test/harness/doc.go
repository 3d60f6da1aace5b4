// Package harness starts the service for tests, as its users run it: either the built binary in a
// process of its own, or the same service inside the test process with a clock that the test moves.
// Both listen on real sockets, on ports chosen by the system. It also has what the tests of several
// subjects share: environments, keysets, requests as text, waiting, and substitutes that fail.
//
// Everything it starts is stopped at the end of the test. It waits for outcomes, never for time to
// pass: log lines, responses and process exits, each with a deadline so late that only a hang
// reaches it. Only tests import it; it may import everything except cmd.
package harness

import "time"

// Timeout is how long the harness waits for anything before it treats it as a hang. No test
// measures time with it.
const Timeout = 3 * time.Minute
