/* Is the fault of this line of planted.tsv the one that runs? Included before each source. */
#ifndef VN_PLANTED_H
#define VN_PLANTED_H

#ifdef __cplusplus
extern "C" {
#endif
extern int vn_planted; /* EMU_FAULT; 0: none */
#ifdef __cplusplus
}
#endif

#define VN_PLANTED(line) (vn_planted == (line))

#endif
