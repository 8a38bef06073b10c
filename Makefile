# Forwards to make.py. Its Python is the first that answers, is new enough and can make virtual environments; or name one: make test PYTHON=python3.13
answers = $(firstword $(foreach p,python3 python3.13 python3.12 python3.11 python,\
    $(shell $(p) -c "import sys$(1); sys.exit(sys.version_info < (3, 11))" 2>/dev/null && echo $(p))))
PYTHON ?= $(or $(call answers,; import ensurepip),$(call answers),$(error No Python 3.11 or newer answers here: install one, or name it: make lab PYTHON=/path/to/python))
VERBS := lab test quick export refresh setup peers oldest lock

.PHONY: $(VERBS)
$(VERBS):
	@$(PYTHON) make.py $@ $(ARGS)
