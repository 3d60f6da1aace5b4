package config

import (
	"cmp"
	"slices"
)

// Fault is one thing that is wrong with the configuration, told in parts. None holds a secret or any part of one.
type Fault struct {
	// Variable is the name, as in the environment.
	Variable string
	// Origin is where the value came from: "environment", "environment, by OFFLOAD_HTTP_ADDR_FILE", "file session.yaml", "flag --http-addr",
	// or "default".
	Origin string
	// Problem is what is wrong, as the rest of a sentence that begins with the variable.
	Problem string
	// Remedy is what would be right.
	Remedy string
}

// Warning is something that is allowed and had best be known. Its parts are a Fault's.
type Warning Fault

// findings are the faults and warnings so far.
type findings struct {
	faults   []Fault
	warnings []Warning
}

// sorted gives faults and warnings in the order of the table; what is not of the table comes last, in the order of its discovery.
func (f *findings) sorted() ([]Fault, []Warning) {
	slices.SortStableFunc(f.faults, func(a, b Fault) int {
		return cmp.Compare(place(a.Variable), place(b.Variable))
	})
	slices.SortStableFunc(f.warnings, func(a, b Warning) int {
		return cmp.Compare(place(a.Variable), place(b.Variable))
	})
	return f.faults, f.warnings
}

func (f *findings) fault(variable, origin, problem, remedy string) {
	f.faults = append(f.faults, Fault{variable, origin, problem, remedy})
}

func (f *findings) warn(variable, origin, problem, remedy string) {
	f.warnings = append(f.warnings, Warning{variable, origin, problem, remedy})
}
