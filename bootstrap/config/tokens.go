package config

import "slices"

// keyVariables are the variables that hold keys, or name the file that does.
var keyVariables = []string{VarSecret, VarSigningKeys, VarKeysetFile}

// TokenVariables returns the variables that decide whether a token is accepted: those of the keys
// too, if there are any.
func (r *Review) TokenVariables() []string {
	variables := []string{VarConfigFile, varIssuer, varAudience, VarClockSkew, varBinding,
		varBoundAudience}
	if r.HasConfiguredKeys() {
		variables = append(append(variables, keyVariables...), varActiveKid)
	}
	return variables
}

// HasConfiguredKeys reports whether the keys in force are configured, and not random.
func (r *Review) HasConfiguredKeys() bool {
	return slices.ContainsFunc(keyVariables, func(name string) bool {
		return r.OriginOf(name) != originDefault
	})
}
