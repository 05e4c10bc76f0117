/* The backend's functions, one file's of which the table in module.c is made (plan/backend.h explains them). */
#ifndef CUPEL_CUDA_DEVICE_H
#define CUPEL_CUDA_DEVICE_H

#include "cuda/cuda.h"

enum cupel_status cuda_open(struct cupel_device *device, struct cupel_error *error);
void cuda_close(struct cupel_device *device);
void cuda_describe(char *text, size_t size);
void *cuda_alloc(struct cupel_device *device, size_t bytes);
void cuda_free(struct cupel_device *device, void *data);
enum cupel_status cuda_upload(struct cupel_device *device, void *to, const void *from, size_t bytes,
                              struct cupel_error *error);
enum cupel_status cuda_download(struct cupel_device *device, void *to, const void *from, size_t bytes,
                                struct cupel_error *error);
enum cupel_status cuda_fill(struct cupel_device *device, void *data, int byte, size_t bytes,
                            struct cupel_error *error);
enum cupel_status cuda_synchronise(struct cupel_device *device, struct cupel_error *error);

size_t cuda_room(struct cupel_device *device);

/* Sending batches while earlier ones are worked on (stage.c). */
enum cupel_status cuda_send(struct cupel_device *device, void *to, const void *from, size_t bytes,
                            struct cupel_error *error);
void *cuda_pin(struct cupel_device *device, size_t bytes);
void cuda_unpin(struct cupel_device *device, void *data);
void cuda_stager_free(struct cuda_stager *stager);

/* Recording a run as a CUDA graph (record.c). */
enum cupel_status cuda_record_begin(struct cupel_device *device, struct cupel_error *error);
enum cupel_status cuda_record_lane(struct cupel_device *device, int lane, int wait,
                                   struct cupel_error *error);
enum cupel_status cuda_record_mark(struct cupel_device *device, int mark, struct cupel_error *error);
enum cupel_status cuda_record_end(struct cupel_device *device, void **recording, struct cupel_error *error);
enum cupel_status cuda_replay(struct cupel_device *device, void *recording, struct cupel_error *error);
void cuda_marks_free(struct cuda_device *own);
void cuda_forget(struct cupel_device *device, void *recording);

/* The stream's clock (stopwatch.c). */
enum cupel_status cuda_time_begin(struct cupel_device *device, struct cupel_error *error);
enum cupel_status cuda_time_end(struct cupel_device *device, double *seconds, struct cupel_error *error);

/* Ranges that NVIDIA's profilers show (range.c). */
void cuda_range_begin(const char *name);
void cuda_range_end(void);

#endif
