package config

import (
	"reflect"

	"github.com/spf13/pflag"

	"github.com/offload/sessiond/adapters/cli"
)

// FlagConfig is the flag that names the configuration file.
const FlagConfig = "config"

// The types of flags, as help texts show them.
const (
	typeFile = "file"
	typeText = "text"
)

// AddFlags adds the flag --config, and one for each variable that is not a secret. Secrets have no
// flag, because a process list would show it.
func AddFlags(flags *pflag.FlagSet) {
	flags.Var(&flagText{kind: typeFile}, FlagConfig,
		"YAML configuration file; its keys are the names of the variables "+
			"in lower case, without "+prefix)
	for _, v := range table {
		if v.secret() {
			continue
		}
		flags.Var(&flagText{text: v.preset, kind: v.typeName()}, v.flag(), v.usage())
		flags.Lookup(v.flag()).Annotations = map[string][]string{cli.AnnotationGroup: {v.group}}
	}
}

// Unflagged returns the variables without a flag.
func Unflagged() []cli.Variable {
	list := []cli.Variable{{Name: VarConfigFile, Help: "YAML configuration file, as --" +
		FlagConfig}}
	for _, v := range table {
		if v.secret() {
			list = append(list, cli.Variable{Name: v.name, Flag: v.flag(),
				Help: v.usage()})
		}
	}
	return list
}

// flagText is the value of a flag, as written: it is parsed with those of the other sources.
type flagText struct{ text, kind string }

// String implements pflag.Value.
func (f *flagText) String() string { return f.text }

// Set implements pflag.Value.
func (f *flagText) Set(text string) error {
	f.text = text
	return nil
}

// Type implements pflag.Value.
func (f *flagText) Type() string { return f.kind }

// typeName returns the type of a variable, as help texts show it.
func (v variable) typeName() string {
	_, isListener := v.rule("listener")
	switch {
	case v.isPath():
		return typeFile
	case v.list():
		return "list"
	case v.words() != "":
		return "word"
	case isListener:
		return "address"
	case v.kind.Kind() == reflect.Int:
		return "int"
	case v.kind.Kind() == reflect.Bool:
		return "bool"
	}
	return typeText
}
