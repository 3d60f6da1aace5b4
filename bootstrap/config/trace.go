package config

import "github.com/offload/sessiond/adapters/events/issuetrace"

// traceFile returns the file of the trace, and reports one that cannot be used.
func (r *reviewer) traceFile() string {
	name := string(r.fields.TraceFile)
	if name == "" || r.broken[VarTraceFile] {
		return ""
	}
	fault := issuetrace.Check(name)
	if fault == nil && ShownPath(name) == withheld {
		// It would be created, and its name shown by every listing.
		fault = &issuetrace.Fault{Problem: "does not exist and looks like a secret"}
	}
	if fault != nil {
		r.faultOf(VarTraceFile, "names the file "+ShownPath(name)+", which "+fault.Problem,
			fileRemedy(name, fault.Remedy))
	}
	return name
}
