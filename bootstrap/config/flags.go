package config

import (
	"reflect"
	"sync"

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

// flags are those of AddFlags, in order. They are made once, because all commands that read the
// configuration have them, and the service has all commands.
var flags = sync.OnceValue(func() []pflag.Flag {
	list := []pflag.Flag{{Name: FlagConfig, Value: &flagText{kind: typeFile},
		Usage: "YAML configuration file; its keys are the names of the variables " +
			"in lower case, without " + prefix}}
	for _, v := range table {
		if !v.secret() {
			list = append(list, pflag.Flag{Name: v.flag, Usage: v.usage(), DefValue: v.preset,
				Value:       &flagText{text: v.preset, kind: v.typeName()},
				Annotations: map[string][]string{cli.AnnotationGroup: {v.group}}})
		}
	}
	return list
})

// AddFlags adds the flag --config, and one for each variable that is not a secret. Secrets have no
// flag, because a process list would show it.
func AddFlags(to *pflag.FlagSet) {
	for _, flag := range flags() {
		value := *flag.Value.(*flagText)
		flag.Value = &value
		to.AddFlag(&flag)
	}
}

// Unflagged returns the variables without a flag.
func Unflagged() []cli.Variable {
	list := []cli.Variable{{Name: VarConfigFile, Help: "YAML configuration file, as --" +
		FlagConfig}}
	for _, v := range table {
		if v.secret() {
			list = append(list, cli.Variable{Name: v.name, Flag: v.flag,
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
