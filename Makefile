.PHONY: all build cross lint test demo clean
all: build
build:
	@Toolchain/setup.sh
	swift build -c release
cross:
	@Toolchain/setup.sh
	Toolchain/cross.sh $(TARGETS)
lint:
	Toolchain/lint.sh
test:
	@Toolchain/test.sh
# TARGETS=armv6,arm64 runs some nodes as ARM binaries under qemu; ARGS passes more arguments.
comma := ,
demo: build
	$(if $(TARGETS),Toolchain/cross.sh $(subst $(comma), ,$(TARGETS)))
	.build/release/busbar demo $(if $(TARGETS),--targets $(TARGETS)) $(ARGS)
clean:
	rm -rf .build .build-arm .build-embedded build
