/*
 * hostile.h - the functions behind the rows of the fault table. Polite ones fill an answer, hostile
 * ones write bytes and may sleep; both run in the thread of the connection.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHOP_HOSTILE_H
#define SHOP_HOSTILE_H

struct fault;
struct request;
struct answer;
struct sink;

void polite_status(const struct fault *f, struct request *r, struct answer *a);
void polite_error_in_200(const struct fault *f, struct request *r, struct answer *a);
void polite_quota(const struct fault *f, struct request *r, struct answer *a);
void polite_redirect_loop(const struct fault *f, struct request *r, struct answer *a);
void polite_redirect_host(const struct fault *f, struct request *r, struct answer *a);
void polite_redirect_file(const struct fault *f, struct request *r, struct answer *a);
void polite_wall(const struct fault *f, struct request *r, struct answer *a); /* walls.c */

void hostile_drop(const struct fault *f, struct request *r, struct sink *k);
void hostile_drip(const struct fault *f, struct request *r, struct sink *k);
void hostile_endless(const struct fault *f, struct request *r, struct sink *k);
void hostile_gzip_bomb(const struct fault *f, struct request *r, struct sink *k); /* bomb.c */
void hostile_giant_headers(const struct fault *f, struct request *r, struct sink *k);
void hostile_one_header(const struct fault *f, struct request *r, struct sink *k);
void hostile_esc(const struct fault *f, struct request *r, struct sink *k);
void hostile_interim(const struct fault *f, struct request *r, struct sink *k);
void hostile_bad_length(const struct fault *f, struct request *r, struct sink *k);
void hostile_bad_chunk(const struct fault *f, struct request *r, struct sink *k);
void hostile_nul(const struct fault *f, struct request *r, struct sink *k);
void hostile_http09(const struct fault *f, struct request *r, struct sink *k);
void hostile_garbage(const struct fault *f, struct request *r, struct sink *k);
void hostile_silent(const struct fault *f, struct request *r, struct sink *k);
void hostile_phases(
	const struct fault *f, struct request *r, struct sink *k); /* raw.c writes its own truth */

#endif
