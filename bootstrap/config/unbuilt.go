package config

// unbuilt are the variables whose work this version does not do, with the one value that means what it does anyway. Any other
// is a fault: a variable that is passed over in silence would serve in the clear, or keep grants where nobody looks for them. Whoever builds one deletes
// its line.
var unbuilt = map[string]string{
	"OFFLOAD_SESSION_ISSUE_TRACE_FILE": "",
	"OFFLOAD_PROXY_PROTOCOL":           "false",
	"OFFLOAD_CORS_ALLOWED_ORIGINS":     "",
}

// refuseUnbuilt tells of the sound values that ask for what this version cannot do.
func (r *reading) refuseUnbuilt() {
	for _, v := range table {
		anyway, isUnbuilt := unbuilt[v.name]
		if !isUnbuilt || !r.given[v.name] || r.broken[v.name] || r.texts[v.name] == anyway {
			continue
		}
		remedy := "remove it"
		if anyway != "" {
			remedy += ", or give " + anyway
		}
		r.faultOf(v.name, "asks for what this version cannot do", remedy)
	}
}
