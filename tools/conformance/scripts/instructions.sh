# Each instruction set that CPUID names, on 2,000 random operands: a sum of what it gives. What CPUID does not name is not used.
# Not here, as the engine has them wrong (docs/engine-notes.md): dpps of four products, pcmpistri as a search, fprem.
cat > sets.c <<'C'
#include <cpuid.h>
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
static uint64_t seed = 88172645463325252u;
static uint64_t word(void) { seed ^= seed << 13; seed ^= seed >> 7; return seed ^= seed << 17; }
static uint64_t sum;
static void add(const void *data, int size) { for (int i = 0; i < size; i++) sum = (sum ^ ((const uint8_t *)data)[i]) * 1099511628211u; }
static __m128i vector(void) { return _mm_set_epi64x(word(), word()); }
static __m128 floats(void) { return _mm_setr_ps((int)word() / 65536.f, (int)word() * .5f, (short)word(), (char)word() + .5f); }
static __m128d doubles(void) { return _mm_setr_pd((int64_t)word() / 1e9, (int)word() + .25); }
#define V(x) { __m128i r = (x); add(&r, 16); }
#define F(x) { __m128 r = (x); add(&r, 16); }
#define D(x) { __m128d r = (x); add(&r, 16); }
#define S(x) { uint64_t r = (x); add(&r, 8); }
#define SET(name) __attribute__((noinline, target(name)))
#define RUN(name, function) sum = 14695981039346656037u; for (int times = 0; times < 2000; times++) function(); printf("%s %016llx\n", name, (unsigned long long)sum);
SET("sse") void sse(void) { __m128 a = floats(), b = floats(); F(_mm_add_ps(a, b)) F(_mm_mul_ps(a, b)) F(_mm_div_ps(a, b)) F(_mm_sqrt_ps(_mm_and_ps(a, _mm_castsi128_ps(_mm_set1_epi32(0x7fffffff))))) F(_mm_min_ps(a, b)) F(_mm_max_ps(a, b)) F(_mm_cmplt_ps(a, b)) F(_mm_shuffle_ps(a, b, 0x1b)) F(_mm_unpacklo_ps(a, b)) S(_mm_movemask_ps(a)) S(_mm_cvtss_si32(a)) S(_mm_cvttss_si64(b)) S(_mm_comilt_ss(a, b)) }
SET("sse2") void sse2(void) { __m128i a = vector(), b = vector(); __m128d c = doubles(), d = doubles(); V(_mm_add_epi8(a, b)) V(_mm_adds_epu16(a, b)) V(_mm_subs_epi8(a, b)) V(_mm_mullo_epi16(a, b)) V(_mm_mulhi_epu16(a, b)) V(_mm_madd_epi16(a, b)) V(_mm_mul_epu32(a, b)) V(_mm_sad_epu8(a, b)) V(_mm_avg_epu8(a, b)) V(_mm_packs_epi32(a, b)) V(_mm_packus_epi16(a, b)) V(_mm_unpackhi_epi16(a, b)) V(_mm_shufflelo_epi16(a, 0x6c)) V(_mm_srli_epi64(a, 13)) V(_mm_sra_epi32(a, _mm_cvtsi32_si128(5))) V(_mm_slli_si128(a, 3)) V(_mm_cmpgt_epi16(a, b)) S(_mm_movemask_epi8(a)) D(_mm_add_pd(c, d)) D(_mm_div_pd(c, d)) D(_mm_sqrt_pd(_mm_mul_pd(c, c))) V(_mm_cvtpd_epi32(d)) D(_mm_cvtepi32_pd(a)) F(_mm_cvtpd_ps(c)) V(_mm_cvttps_epi32(floats())) D(_mm_cmpnle_pd(c, d)) S(_mm_cvtsd_si64(d)) }
SET("sse3") void sse3(void) { __m128 a = floats(), b = floats(); F(_mm_addsub_ps(a, b)) F(_mm_hadd_ps(a, b)) F(_mm_hsub_ps(a, b)) F(_mm_movehdup_ps(a)) D(_mm_movedup_pd(doubles())) D(_mm_hadd_pd(doubles(), doubles())) }
SET("ssse3") void ssse3(void) { __m128i a = vector(), b = vector(); V(_mm_shuffle_epi8(a, b)) V(_mm_abs_epi16(a)) V(_mm_sign_epi8(a, b)) V(_mm_hadds_epi16(a, b)) V(_mm_maddubs_epi16(a, b)) V(_mm_mulhrs_epi16(a, b)) V(_mm_alignr_epi8(a, b, 5)) V(_mm_hsub_epi32(a, b)) }
SET("sse4.1") void sse41(void) { __m128i a = vector(), b = vector(); __m128 c = floats(), d = floats(); V(_mm_blendv_epi8(a, b, vector())) V(_mm_mullo_epi32(a, b)) V(_mm_mul_epi32(a, b)) V(_mm_min_epi32(a, b)) V(_mm_max_epu16(a, b)) V(_mm_packus_epi32(a, b)) V(_mm_cvtepi8_epi64(a)) V(_mm_cvtepu16_epi32(a)) V(_mm_minpos_epu16(a)) V(_mm_mpsadbw_epu8(a, b, 5)) F(_mm_dp_ps(c, d, 0x37)) F(_mm_round_ps(c, 9)) F(_mm_ceil_ps(d)) D(_mm_floor_pd(doubles())) F(_mm_insert_ps(c, d, 0x92)) S(_mm_extract_epi32(a, 2)) V(_mm_insert_epi64(a, 77, 1)) S(_mm_testc_si128(a, b)) S(_mm_testz_si128(a, a)) V(_mm_cmpeq_epi64(a, b)) F(_mm_blend_ps(c, d, 6)) }
SET("sse4.2") void sse42(void) { __m128i a = _mm_and_si128(vector(), _mm_set1_epi8(7)), b = _mm_and_si128(vector(), _mm_set1_epi8(7)); S(_mm_crc32_u64(word(), word())) S(_mm_crc32_u8(word(), word())) V(_mm_cmpgt_epi64(vector(), vector())) S(_mm_cmpistri(a, b, 0)) S(_mm_cmpestri(a, 9, b, 16, 0x18)) V(_mm_cmpistrm(a, b, 0x44)) V(_mm_cmpestrm(a, 5, b, 7, 0x6a)) S(_mm_cmpistrz(a, b, 0)) S(_mm_cmpestrc(a, 3, b, 4, 0x30)) }
SET("aes") void aes(void) { __m128i a = vector(), b = vector(); V(_mm_aesenc_si128(a, b)) V(_mm_aesenclast_si128(a, b)) V(_mm_aesdec_si128(a, b)) V(_mm_aesdeclast_si128(a, b)) V(_mm_aesimc_si128(a)) V(_mm_aeskeygenassist_si128(a, 27)) }
SET("pclmul") void pclmul(void) { __m128i a = vector(), b = vector(); V(_mm_clmulepi64_si128(a, b, 0)) V(_mm_clmulepi64_si128(a, b, 0x10)) V(_mm_clmulepi64_si128(a, b, 0x11)) }
SET("popcnt") void popcnt(void) { S(_mm_popcnt_u64(word())) S(_mm_popcnt_u32(word())) }
SET("lzcnt") void lzcnt(void) { S(_lzcnt_u64(word() >> (word() & 63))) S(_lzcnt_u32(0)) }
SET("movbe") void movbe(void) { uint64_t a = word(), b; __asm__("movbe %1, %0" : "=r"(b) : "m"(a)); S(b) uint32_t c; __asm__("movbe %1, %0" : "=r"(c) : "m"(a)); S(c) }
SET("adx") void adx(void) { unsigned long long a; unsigned char c = _addcarryx_u64(word() & 1, word(), word(), &a); S(a) S(c) uint64_t x = word(), y = word(); __asm__("xor %%eax, %%eax; adox %1, %0; adcx %1, %0" : "+r"(x) : "r"(y) : "rax", "cc"); S(x) }
SET("cx16") void cx16(void) { static __int128 cell; __int128 old = cell, new = ((__int128)word() << 64) | word(); S(__sync_bool_compare_and_swap(&cell, old, new)) S(__sync_bool_compare_and_swap(&cell, old, 0)) add(&cell, 16); }
SET("fsgsbase") void fsgsbase(void) { uint64_t base = word() >> 20; _writegsbase_u64(base); S(_readgsbase_u64()) S(_readfsbase_u64() != 0) }
SET("clflushopt,prfchw,sahf") void hints(void) { static char line[64]; _mm_clflushopt(line); __builtin_prefetch(line, 1); _mm_mfence(); _mm_pause(); uint8_t flags; __asm__("mov $0xff, %%ah; sahf; lahf; mov %%ah, %0" : "=r"(flags) : : "rax", "cc"); S(flags) unsigned id; S(__rdtscp(&id) > 0) }
void x87(void) { long double a = (int64_t)word() / 1e12L, b = (int)word() + .5L; S((uint64_t)(int64_t)(a * 1000)) long double r = sqrtl(fabsl(a)) / b; add(&r, 10); r = rintl(a); add(&r, 10); r = scalbnl(a, 7); add(&r, 10); double d = a; add(&d, 8); }
void integers(void) { uint64_t a = word(), b = word() | 1, c = word() & 63; S(a * b) S(a / b) S((int64_t)a % (int64_t)b) S((uint64_t)(((unsigned __int128)a * b) >> 64)) S(a << c) S((int64_t)a >> c) S((a >> c) | (a << (-c & 63))) S(__builtin_ctzll(b)) S(__builtin_bswap64(a)) S((int32_t)a / ((int32_t)b | 1)) S((int8_t)a * (int8_t)b) uint64_t flags; __asm__("add %1, %0; pushf; pop %0" : "=r"(flags) : "r"(b), "0"(a) : "cc"); S(flags & 0x8d5) __asm__("sub %1, %0; pushf; pop %0" : "=r"(flags) : "r"(b), "0"(a) : "cc"); S(flags & 0x8d5) }
static int names(unsigned leaf, int word, int bit) { unsigned r[4] = {0}; __get_cpuid_count(leaf, 0, r, r + 1, r + 2, r + 3); return r[word] >> bit & 1; }
int main(void) {
    __builtin_cpu_init();
    const struct { const char *name; void (*run)(void); unsigned leaf, word, bit; } sets[] = {
        {"integers", integers, 1, 3, 0}, {"x87", x87, 1, 3, 0}, {"sse", sse, 1, 3, 25}, {"sse2", sse2, 1, 3, 26}, {"sse3", sse3, 1, 2, 0}, {"ssse3", ssse3, 1, 2, 9},
        {"sse4.1", sse41, 1, 2, 19}, {"sse4.2", sse42, 1, 2, 20}, {"aes", aes, 1, 2, 25}, {"pclmul", pclmul, 1, 2, 1}, {"popcnt", popcnt, 1, 2, 23}, {"lzcnt", lzcnt, 0x80000001, 2, 5},
        {"movbe", movbe, 1, 2, 22}, {"adx", adx, 7, 1, 19}, {"cx16", cx16, 1, 2, 13}, {"fsgsbase", fsgsbase, 7, 1, 0}, {"hints", hints, 7, 1, 23},
    };
    for (unsigned i = 0; i < sizeof sets / sizeof *sets; i++) { seed = 88172645463325252u + i; if (names(sets[i].leaf, sets[i].word, sets[i].bit)) { RUN(sets[i].name, sets[i].run) } else printf("%s: not named\n", sets[i].name); fflush(stdout); }
}
C
gcc -O1 -mno-red-zone -mcx16 -msahf -static -o sets sets.c -lm 2>&1 && ./sets; echo $?
