#!/bin/sh
# no_avx512.sh COMMAND...: without glibc's AVX-512 routines. They leave alone the registers that its
# older ones use, and so hide that a guest's vector registers are lost in a call.
exec env GLIBC_TUNABLES="glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX512CD,-AVX512DQ" "$@"
