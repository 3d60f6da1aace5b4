package config

import (
	"cmp"
	"slices"
)

// Fault is one error in the configuration. No field contains a secret or a part of one.
type Fault struct {
	// Variable is the name of the variable, as in the environment.
	Variable string
	// Origin is the origin of the value: "environment", "environment, by OFFLOAD_HTTP_ADDR_FILE",
	// "file session.yaml", "flag --http-addr", or "default".
	Origin string
	// Problem says what is wrong. It continues a sentence that starts with the variable.
	Problem string
	// Remedy says what to do.
	Remedy string
}

// Warning is something that is allowed but that the operator should know. Its fields are those of a
// Fault.
type Warning Fault

// Note is something that is correct and may still surprise the operator. Its fields are those of a
// Fault.
type Note Fault

// findings collects faults, warnings and notes.
type findings struct {
	faults   []Fault
	warnings []Warning
	notes    []Note
}

// sorted returns the faults and warnings in the order of the table. Those of names that are not in
// the table come last, in the order of discovery.
func (f *findings) sorted() ([]Fault, []Warning) {
	slices.SortStableFunc(f.faults, func(a, b Fault) int {
		return cmp.Compare(position(a.Variable), position(b.Variable))
	})
	slices.SortStableFunc(f.warnings, func(a, b Warning) int {
		return cmp.Compare(position(a.Variable), position(b.Variable))
	})
	return f.faults, f.warnings
}

func (f *findings) fault(variable, origin, problem, remedy string) {
	f.faults = append(f.faults, Fault{variable, origin, problem, remedy})
}

func (f *findings) warn(variable, origin, problem, remedy string) {
	f.warnings = append(f.warnings, Warning{variable, origin, problem, remedy})
}

func (f *findings) note(variable, origin, problem, remedy string) {
	f.notes = append(f.notes, Note{variable, origin, problem, remedy})
}
