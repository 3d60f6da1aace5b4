package cli

// ProgressLine is progressLine.
var ProgressLine = progressLine
