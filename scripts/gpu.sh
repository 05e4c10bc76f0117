#!/usr/bin/env bash
# On a machine with a GPU: runs all tests there, the sanitizers of CUDA, a training, and the comparisons with PyTorch and with the
# speed of memory, and writes what it found to one Markdown and one JSON file. Needs no network, and no compiler where a
# build was carried along.
#
# usage: scripts/gpu.sh [--build DIR] [--only STEPS] [--out DIR]
#        scripts/gpu.sh --pack DIR [--build DIR]
#   --build  what to run: a build folder or one made by --pack (default: build-gpu if it is there, else build, which is then made)
#   --only   some of: doctor,judge,tests,emulator,sanitizer,train,torch,bandwidth,bench (default: all)
#   --out    where the report goes (default: bench/results)
#   --pack   builds for any x86-64 machine with a GPU of sm_90 (or takes the build of this very machine that --build names), and puts
#            into DIR all that this script needs but the sources: programs, Debian's libraries that they link, Fashion-MNIST
# environment: CUPEL_LIBS, a folder of shared libraries for the programs; CUPEL_CUDNN and CUPEL_CUBLAS, folders that hold
# cuDNN and cuBLASLt (default: those in the site-packages of python3); CUPEL_CASES, the ops whose cases the sanitizers see;
# PYTHON, a Python with PyTorch (default: python3)
set -uo pipefail
cd "$(dirname "$0")/.."
root=$PWD
data=/usr/share/datasets/fashion-mnist
pack_limit_mib=60 # 64 travel, the sources included
python=${PYTHON:-python3}

usage() {
    sed -n "/^# usage/,/^# environment/p" "$0" | sed "\$d; s/^# //" >&2
    exit 2
}

build= only=doctor,judge,tests,emulator,sanitizer,train,torch,bandwidth,bench out=bench/results pack=
while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || usage
    case "$1" in
        --build) build=$2 ;;
        --only) only=$2 ;;
        --out) out=$2 ;;
        --pack) pack=$2 ;;
        *) usage ;;
    esac
    shift 2
done

# ---- packing ----

# The shared libraries of programs that a machine with a C++ compiler does not have anyway.
libraries() {
    ldd "$@" 2>/dev/null | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p' | sort -u |
        grep -Ev '/(libc|libm|libdl|librt|libpthread|libresolv|libstdc\+\+|libgcc_s|ld-linux[^/]*)\.so'
}

make_pack() {
    local folder=${build:-build-gpu-carried} jobs size
    jobs=$(nproc)
    if [ -z "$build" ]; then
        cmake -S . -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCUPEL_NATIVE=OFF -DCUPEL_CUDA=ON &&
            cmake --build "$folder" -j "$jobs" || return 1
    fi
    cmake --build "$folder" -j "$jobs" --target emu-tests-gpu bandwidth || return 1
    rm -rf "$pack" && mkdir -p "$pack/programs/libraries" || return 1
    local file programs=()
    for file in "$folder"/{cupel,libcupel-cuda.so,libcupel-emu.so,tests/cupel-tests,tests/emu/emu-tests-gpu,bench/bandwidth,examples/*}; do
        [ -f "$file" ] && [ -x "$file" ] || continue
        mkdir -p "$pack/programs/$(dirname "${file#"$folder"/}")"
        strip --strip-debug -o "$pack/programs/${file#"$folder"/}" "$file" || return 1
        programs+=("$file")
    done
    libraries "${programs[@]}" | xargs cp -Lt "$pack/programs/libraries" || return 1
    tar -cJf "$pack/programs.tar.xz" -C "$pack/programs" . && rm -r "$pack/programs" || return 1
    mkdir "$pack/data" && cp "$data"/*.gz "$pack/data/" || return 1
    echo "$root" >"$pack/built-at"
    basename "$folder" >"$pack/built-in"
    git describe --always --dirty >"$pack/commit"
    size=$(du -sm "$pack" | cut -f1)
    echo "$pack: $size MiB"
    [ "$size" -lt "$pack_limit_mib" ] || { echo "gpu.sh: that is more than $pack_limit_mib MiB" >&2 && return 1; }
}

if [ -n "$pack" ]; then
    make_pack
    exit
fi

# ---- what to run with ----

if ! command -v nvidia-smi >/dev/null || ! nvidia-smi -L 2>/dev/null | grep -q '^GPU'; then
    echo "gpu.sh: there is no GPU here (nvidia-smi lists none); nothing was run and nothing is written" >&2
    exit 1
fi
if [ -z "$build" ]; then
    build=build
    [ -d build-gpu ] && build=build-gpu
fi
if [ ! -x "$build/cupel" ] && [ ! -f "$build/programs.tar.xz" ]; then
    cmake --preset default -B "$build" -DCUPEL_CUDA=ON && cmake --build "$build" -j "$(nproc)" || exit 1
    cmake --build "$build" -j "$(nproc)" --target bandwidth
    cmake --build "$build" -j "$(nproc)" --target emu-tests-gpu
fi
build=$(realpath "$build")

work=$(mktemp -d)
links=()
clean() {
    [ ${#links[@]} -eq 0 ] || rm -f "${links[@]}"
    rm -rf "$work"
}
trap clean EXIT

# link TARGET NAME: a link for the time that this runs, unless there is something of the name.
link() {
    [ -e "$2" ] && return
    mkdir -p "$(dirname "$2")" && ln -s "$1" "$2" && links+=("$2")
}

libs=${CUPEL_LIBS:-}
CUPEL_COMMIT=$(git describe --always --dirty 2>/dev/null)
if [ -f "$build/programs.tar.xz" ]; then
    carried=$build build=$work/build
    mkdir "$build" && tar -xJf "$carried/programs.tar.xz" -C "$build" || exit 1
    libs=${libs:-$build/libraries}
    CUPEL_COMMIT=$(cat "$carried/commit")
    # Tests look for their files where they were built.
    link "$root" "$(cat "$carried/built-at")"
    link "$build" "$root/$(cat "$carried/built-in")"
    link "$carried/data" "$data"
    [ -d "$data" ] || data=$carried/data
fi

# site_library PATTERN: the folder of a library that PyTorch brought along.
site_library() {
    "$python" - "$1" <<'END'
import glob, os, site, sys, sysconfig
for base in {sysconfig.get_paths()["purelib"], sysconfig.get_paths()["platlib"], *site.getsitepackages()}:
    for found in sorted(glob.glob(os.path.join(base, "nvidia", "*", "lib", sys.argv[1]))):
        print(os.path.dirname(found))
        raise SystemExit
END
}
export CUPEL_CUDNN=${CUPEL_CUDNN:-$(site_library 'libcudnn.so.*')}
export CUPEL_CUBLAS=${CUPEL_CUBLAS:-$(site_library 'libcublasLt.so.*')}
export GOMP_SPINCOUNT=2000 XDG_CACHE_HOME=$work/cache
cuda_libraries=$libs${libs:+:}$CUPEL_CUDNN${CUPEL_CUDNN:+:}$CUPEL_CUBLAS
# Ours alone are given these libraries: others bring their own.
ours() {
    env LD_LIBRARY_PATH="$cuda_libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" "$@"
}

# ---- steps ----

passed=0 failed=0
wanted() {
    [[ ",$only," == *",$1,"* ]]
}

# note NAME RESULT SECONDS DETAIL: a line of the report.
note() {
    printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "${4:-}" >>"$work/steps.tsv"
    echo "$2  $1 ($3 s)${4:+: $4}"
}

# check NAME LIMIT COMMAND...: passes when the command does, within LIMIT seconds. Its output is in $work/log.
check() {
    local name=$1 limit=$2 start=$SECONDS status
    shift 2
    ours timeout -k 10 "$limit" "$@" >"$work/log" 2>&1
    status=$?
    if [ $status -eq 0 ]; then
        passed=$((passed + 1))
        note "$name" passed $((SECONDS - start))
        return 0
    fi
    failed=$((failed + 1))
    tail -n 60 "$work/log"
    [ $status -eq 124 ] && note "$name" FAILED $((SECONDS - start)) "took more than $limit s" ||
        note "$name" FAILED $((SECONDS - start)) "exit status $status"
    return 1
}

# suite NAME LIMIT COMMAND...: a Criterion run, whose own count is added.
suite() {
    local name=$1 limit=$2 start=$SECONDS tested passing skipped
    shift 2
    ours timeout -k 10 "$limit" "$@" --color=never >"$work/log" 2>&1
    tested=$(sed -n 's/.*Tested: \([0-9]*\).*/\1/p' "$work/log" | tail -1)
    passing=$(sed -n 's/.*Passing: \([0-9]*\).*/\1/p' "$work/log" | tail -1)
    skipped=$(grep -c '^\[SKIP\]' "$work/log")
    passed=$((passed + ${passing:-0}))
    if [ -z "$tested" ] || [ "$tested" -eq 0 ] || [ "$tested" != "$passing" ]; then
        failed=$((failed + ${tested:-1} - ${passing:-0}))
        [ "${tested:-0}" -eq 0 ] && failed=$((failed + 1))
        grep -E '^\[(FAIL|----|====)' "$work/log" | head -n 80
        [ -n "$tested" ] || tail -n 30 "$work/log"
        note "$name" FAILED $((SECONDS - start)) "${passing:-0} of ${tested:-none} passed, $skipped skipped"
    else
        note "$name" passed $((SECONDS - start)) "$passing of $tested passed, $skipped skipped"
    fi
}

tests=$build/tests/cupel-tests
jobs=$(($(nproc) < 8 ? $(nproc) : 8))

check "doctor" 60 "$build/cupel" doctor --data "$data"
cp "$work/log" "$work/doctor.txt"
cat "$work/doctor.txt"
if grep -q '^cuda  *not available' "$work/doctor.txt"; then
    echo "gpu.sh: the GPU is there, but Cupel cannot use it; nothing more was run" >&2
    echo "$passed passed, $((failed + 1)) failed"
    exit 1
fi

if [ -x "$tests" ]; then
    wanted judge && suite "cases on cuda (judge 5)" 500 env -u CUPEL_CASES "$tests" -j"$jobs" --filter 'cases/cuda*'
    wanted tests && suite "all tests" 580 env -u CUPEL_CASES "$tests" -j"$jobs"
elif wanted judge || wanted tests; then
    failed=$((failed + 1))
    note "tests" FAILED 0 "there is no $tests: carry one, or install Criterion"
fi
if wanted emulator; then
    suite "the emulator's kernels on the GPU" 120 "$build/tests/emu/emu-tests-gpu"
fi

if wanted sanitizer; then
    small=${CUPEL_CASES:-relu,bias_add,batchnorm,maxpool,conv2d,matmul,adam,cross_entropy,transpose}
    for tool in memcheck racecheck synccheck; do
        check "compute-sanitizer $tool, cases of $small" 300 env CUPEL_CASES="$small" CUPEL_TUNE=0 compute-sanitizer --tool $tool \
            --target-processes all --error-exitcode 9 "$tests" -j1 --filter 'cases/cuda_f32*'
        check "compute-sanitizer $tool, training" 200 env CUPEL_TUNE=0 compute-sanitizer --tool $tool --error-exitcode 9 \
            "$build/cupel" train models/lenet5.yaml --data "$data" --device cuda --steps 3 --batch 33 --out "$work/sanitized-$tool"
    done
fi

if wanted train; then
    for precision in f32 bf16; do
        check "LeNet-5 trains, $precision" 200 "$build/cupel" train models/lenet5.yaml --data "$data" --device cuda \
            --precision $precision --epochs 3 --out "$work/train-$precision"
    done
fi

export CUPEL_GPU CUPEL_COMMIT
CUPEL_GPU=$(nvidia-smi --query-gpu=name --format=csv,noheader | head -1)
if wanted torch; then
    # Not through `ours`: PyTorch has libraries of its own.
    start=$SECONDS
    if timeout -k 10 580 "$python" bench/compare_torch.py --device cuda --batch 512 --steps 3000 --warm-up 300 --rounds 3 \
        --cupel "$build/cupel" ${cuda_libraries:+--libraries "$cuda_libraries"} --data "$data" \
        --out "$work/torch.md" --json "$work/torch.json" >"$work/log" 2>&1; then
        passed=$((passed + 1))
        note "training against PyTorch" passed $((SECONDS - start))
    else
        failed=$((failed + 1))
        tail -n 30 "$work/log"
        note "training against PyTorch" FAILED $((SECONDS - start))
    fi
fi
if wanted bandwidth; then
    check "speed of single kernels" 300 "$build/bench/bandwidth" cuda 256
    grep '^{' "$work/log" >"$work/bandwidth.jsonl"
fi
if wanted bench; then
    check "kernels timed" 580 "$build/cupel" bench ops --device cuda --seconds 0.1 --filter '^(lenet5|dcgan64|resnet18|vgg16)/' \
        --json "$work/bench.json"
fi

if "$python" bench/gpu_report.py "$work" "$out"; then
    passed=$((passed + 1))
else
    failed=$((failed + 1))
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
