package config

// unsupported maps the variables that this version does not implement to the only accepted value,
// which means the present behaviour. Any other value is a fault, because ignoring a variable
// silently could make the service serve without TLS, or keep grants in an unexpected place. To
// implement a variable, remove its line.
var unsupported = map[string]string{
	varTraceFile: "",
}

// rejectUnsupported reports valid values that this version does not support.
func (r *reviewer) rejectUnsupported() {
	for _, v := range table {
		accepted, isUnsupported := unsupported[v.name]
		if !isUnsupported || !r.given[v.name] || r.broken[v.name] || r.texts[v.name] == accepted {
			continue
		}
		remedy := "remove it"
		if accepted != "" {
			remedy += ", or set it to " + accepted
		}
		r.faultOf(v.name, "is not supported by this version", remedy)
	}
}
