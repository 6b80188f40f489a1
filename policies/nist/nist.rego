# METADATA
# title: NIST 800-53 bundle
# description: |
#   Other policies of the library as one, each reason with the controls (800-53 rev. 5) that it serves. It allows what
#   least_privilege and delegation both allow, and denies and holds what any of the parts does. The parts must be loaded
#   beside it; without one of them everything is denied.
# custom:
#   controls: [AC-3, AC-3(7), AC-5, AC-6, AC-6(10), AU-9, CM-3, CM-5, IA-9, SC-7, SI-10]
package nist

# Each part, and the controls that its rules serve.
parts := {
	"guardrails": ["AC-3", "SC-7"],
	"read_only": ["AC-3(7)", "AC-6(10)"],
	"mass_change": ["CM-3", "CM-5", "SI-10"],
	"delegation": ["AC-3", "AC-6", "IA-9"],
	"duties": ["AC-5", "AU-9"],
	"least_privilege": ["AC-3", "AC-6"],
}

allow if {
	data.least_privilege.allow
	data.delegation.allow
}

deny contains {"reason": sprintf("the bundle needs policy %s beside it, which is not loaded", [name]), "hint": "Tell the operator."} if {
	some name in object.keys(parts)
	not loaded[name]
}

deny contains {"reason": sprintf("%s [%s]", [said.reason, concat(", ", parts[name])]), "hint": object.get(said, "hint", "Tell your human.")} if {
	some name
	some said in denies[name]
}

hold contains {"approval": said.approval, "reason": sprintf("%s [%s]", [said.reason, concat(", ", parts.mass_change)])} if {
	some said in data.mass_change.hold
}

denies["guardrails"] := data.guardrails.deny

denies["read_only"] := data.read_only.deny

denies["delegation"] := data.delegation.deny

denies["duties"] := data.duties.deny

# A set of rules is there, empty or not, where its policy is loaded; of least_privilege its grants are.
loaded[name] if {
	some name, _ in denies
}

loaded["mass_change"] if data.mass_change.hold

loaded["least_privilege"] if data.least_privilege.grants
