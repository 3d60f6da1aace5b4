package config

import "github.com/offload/sessiond/domain/session"

// boundAudience returns the audience of bound sessions, and checks what binding needs.
func (r *reviewer) boundAudience() string {
	f := &r.fields
	bound := f.Audience + session.BoundSuffix
	switch f.BoundAudience {
	case "":
	case f.Audience:
		r.faultOf(varBoundAudience, "is the audience of sessions that are not bound to a key: a "+
			"verifier that does not know of keys would accept both",
			"use another, such as "+bound+", or leave it unset for that")
	default:
		bound = f.BoundAudience
	}
	if !f.Binding.On() {
		if r.sound(varBinding) {
			r.warnUnused(varBinding+" is "+f.Binding.String(), "set "+varBinding, varBoundAudience)
		}
		return bound
	}
	if r.production && len(f.PublicOrigins) == 0 && r.sound(VarPublicOrigins) {
		r.faultOf(VarPublicOrigins, "is not set, and "+varBinding+" is "+f.Binding.String()+
			": clients make proofs for an origin, and a stranger could choose it",
			"list the origins under which clients reach the service and the applications behind it, "+
				"such as https://api.example.com")
	}
	return bound
}
